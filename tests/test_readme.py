"""The README says what is so: every setting with its default, every command, every file on the way."""

import re
from pathlib import Path

from carpus.processes import COMMANDS, MIGRATE
from carpus.settings import known_settings
from worker import bundle

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def settings_table() -> str:
    """Return the README's table of settings, to be pasted there when this test fails."""
    rows = [f"| `{s.variable}` | `{s.default}` | {s.meaning} |" for s in known_settings()]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def test_every_setting_is_listed_with_its_default() -> None:
    assert settings_table() in README, settings_table()


def test_what_the_card_says_of_the_starter_is_what_the_readme_says() -> None:
    metrics = bundle.load(bundle.starter_folder()).card.metrics
    for summary in (metrics.overall, *metrics.by_sex.values()):
        assert summary.mae_months is not None
        said = f"{summary.mae_months.value:.1f} ({summary.mae_months.low:.1f} to {summary.mae_months.high:.1f})"
        assert said in README, said


def test_every_process_is_listed_with_its_command() -> None:
    for name, command in COMMANDS.items():
        if name != MIGRATE:
            assert " ".join(command) in README, " ".join(command)


def test_every_file_named_on_the_way_of_a_radiograph_exists() -> None:
    way = README.split("## The way of one radiograph")[1].split("\n## ")[0]
    named = re.findall(r"`([a-z_]+/[a-z_/]+\.(?:py|sql))`", way)
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / name).is_file()] == []
