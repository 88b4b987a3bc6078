"""How the stand-in for SP-API is set up."""

from dataclasses import dataclass

from receiver.simulators.spapi.faults import Fault

CLIENT_ID = "amzn1.application-oa2-client.simulated"
AWS_ACCESS_KEY_ID = "AKIASIMULATED"
AWS_SECRET_ACCESS_KEY = "simulated-secret-access-key"  # noqa: S105 - worth nothing anywhere but here
CLIENT_SECRET = "amzn1.oa2-cs.v1.simulated"  # noqa: S105 - worth nothing anywhere but here


@dataclass(frozen=True, slots=True)
class Settings:
    """What the stand-in holds, and how it behaves. Times are seconds."""

    sellers: int = 1
    orders: int = 250
    """Orders of each seller that a listing finds; any well-formed order id is found by `getOrder`."""
    skus: int = 120
    region: str = "na"
    token_life: float = 3600.0
    report_time: float = 5.0
    """How long a report or a feed takes."""
    report_rows: int = 1000
    url_life: float = 300.0
    """How long the URL of a document lasts."""
    plans: bool = True
    """Whether usage plans are enforced."""
    plan_factor: float = 1.0
    """Multiplies every rate, for tests in a hurry."""
    faults: tuple[Fault, ...] = ()
    seed: int | None = None
    """The same faults in the same order each time."""
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET

    def seller_id(self, number: int) -> str:
        """The id of a seller, from 1."""
        return f"A{number:04d}SIMULATED"

    def refresh_token(self, number: int) -> str:
        """The refresh token of a seller, from 1."""
        return f"Atzr|simulated-{number:04d}"
