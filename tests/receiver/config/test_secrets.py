from pathlib import Path

from handlers.base import Secret
from receiver.config import load
from receiver.config.secrets import secrets_of

RULES = """
[server]
basic_auth = { username = "sns", password = { credential = "sns-password" } }
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
[spapi]
client_id = { env = "LWA_CLIENT_ID" }
client_secret = { file = "lwa" }
[[spapi.accounts]]
seller_id = "A1B2C3D4E5F6G7"
region = "na"
refresh_token = { env = "TOKEN" }
[telemetry]
endpoint = "http://127.0.0.1:4318"
headers = { x-key = { credential = "collector" } }
[handlers.erp]
type = "forward"
url = "https://erp.example.com/"
secret = { env = "ERP" }
"""


def test_every_secret_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    assert dict(secrets_of(load(tmp_path / "rules.toml"))) == {
        "server.basic_auth.password": Secret("credential", "sns-password"),
        "spapi.client_id": Secret("env", "LWA_CLIENT_ID"),
        "spapi.client_secret": Secret("file", str(tmp_path / "lwa")),
        "spapi.accounts[0].refresh_token": Secret("env", "TOKEN"),
        "telemetry.headers.x-key": Secret("credential", "collector"),
        "handlers.erp.secret[0]": Secret("env", "ERP"),
    }
