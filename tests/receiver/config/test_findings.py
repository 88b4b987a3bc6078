import tomllib

from hypothesis import given
from hypothesis import strategies as st

from receiver.config.findings import Finding, key_path


def test_findings_read_as_lines() -> None:
    finding = Finding("rules.toml", 7, ("rules", 0, "match", "a b", 'c"d'), "is wrong")
    assert str(finding) == 'rules.toml:7: rules[0].match."a b"."c\\"d": is wrong'
    assert str(Finding("rules.toml", 7, (), "invalid", column=3)) == "rules.toml:7:3: invalid"
    assert str(Finding("r", 7, ("log",), "odd", "warning")) == "r:7: warning: log: odd"
    assert str(Finding("rules.toml", 0, (), "cannot be read")) == "rules.toml: cannot be read"
    assert "\n" not in str(Finding("r", 1, ("a\nb",), "x"))


@given(
    st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), max_size=5), min_size=1
    )
)
def test_key_paths_are_toml(path: list[str]) -> None:
    value: object = tomllib.loads(f"{key_path(path)} = 1" if key_path(path[:1]) else '"" = 1')
    for name in path:
        assert isinstance(value, dict)
        value = value[name]
    assert value == 1
