"""Documents that lie are caught: each kind of block, right and wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from outcrop.errors import ConfigInvalid
from tests.docs.blocks import read_blocks
from tests.docs.document_run import BlockFailed, DocumentRun


def run(repository: Path, tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(textwrap.dedent(text))
    folder = tmp_path / "folder"
    folder.mkdir()
    with DocumentRun(repository, folder, is_scripted=True) as document:
        document.run(read_blocks(page))


def test_blocks_of_one_document_share_their_warehouse(repository: Path, tmp_path: Path) -> None:
    run(
        repository,
        tmp_path,
        """\
        ```sql
        CREATE TABLE t (a integer);
        INSERT INTO t VALUES (41);
        ```

        ```console
        $ outcrop sql --format csv -c "SELECT a + 1 AS next FROM t"
        ```
        <!-- output -->
        ```text
        next
        42
        ```

        ```python
        import outcrop

        with outcrop.connect("outcrop-warehouse") as connection:
            print(connection.execute("SELECT a FROM t").fetchall())
        ```
        <!-- output -->
        ```text
        [(41,)]
        ```

        ```sql
        SELECT a FROM t
        ```
        <!-- output -->
        ```text
        ...41...
        ```
        """,
    )


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ true\n$ make help\n$ git clone somewhere\n```\n",
        "<!-- fails -->\n```console\n$ false\n```\n",
        "<!-- file: a/b.txt -->\n```text\nhello\n```\n```console\n$ cat a/b.txt\n```\n"
        "<!-- output -->\n```text\nhello\n```\n",
        "```console\n$ echo one \\\n> two\none two\n```\n<!-- output -->\n```text\none two\n```\n",
        "```console\n$ export CITY=Trondheim\n$ test $CITY = Trondheim\n```\n"
        '```python\nimport os\n\nassert os.environ["CITY"] == "Trondheim"\n```\n',
        '```toml\n[settings]\non_error = "null"\n```\n',
        '```json\n{"a": 1}\n```\n',
        "<!-- fails -->\n```sql\nSELECT * FROM missing\n```\n",
        "<!-- norun: needs an account of AWS -->\n```console\n$ false\n```\n",
    ],
)
def test_true_documents(repository: Path, tmp_path: Path, text: str) -> None:
    run(repository, tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```console\n$ false\n```\n", "page.md:1: fails"),
        ("```console\n$ make no-such-target\n```\n", "page.md:1: fails"),
        ("```console\nls\n```\n", "page.md:1: no line begins with"),
        ("<!-- fails -->\n```sql\nSELECT 1\n```\n", "page.md:2: should fail and did not"),
        ("```sql\nSELECT * FROM missing\n```\n", "page.md:1: fails"),
        ("```sql\nSELECT 1\n```\n<!-- output -->\n```text\n2\n```\n", "page.md:5: the output is"),
        ("```basic\nPRINT\n```\n", "page.md:1: language 'basic' is none of"),
        ("<!-- ouput -->\n```text\n```\n", "page.md:2: no mark is called ouput"),
        ("<!-- norun: too slow -->\n```sql\nSELECT 1\n```\n", "page.md:2: only a block that"),
    ],
)
def test_false_documents(repository: Path, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BlockFailed) as failure:
        run(repository, tmp_path, text)
    assert message in str(failure.value)


def test_a_server_runs_until_the_document_ends(repository: Path, tmp_path: Path) -> None:
    run(
        repository,
        tmp_path,
        """\
        ```console
        $ outcrop emulate bedrock --port 8080 &
        ```
        <!-- output -->
        ```text
        Bedrock is emulated at http://127.0.0.1:8080. Ctrl-C stops it.
        ```
        ```python
        from urllib.request import urlopen

        print(urlopen("http://127.0.0.1:8080/_dev/health").status)
        ```
        <!-- output -->
        ```text
        200
        ```
        """,
    )


def test_what_a_configuration_does_not_describe_is_scripted(
    repository: Path, tmp_path: Path
) -> None:
    run(
        repository,
        tmp_path,
        """\
        ```sql
        CREATE EXTERNAL MODEL clerk FUNCTION ask IAM_ROLE DEFAULT MODEL_TYPE LOCAL
        SETTINGS (MODEL_ID 'm');
        CREATE EXTERNAL MODEL oracle FUNCTION guess IAM_ROLE DEFAULT MODEL_TYPE OPENAI
        SETTINGS (MODEL_ID 'm');
        ```
        <!-- file: outcrop-warehouse/outcrop.toml -->
        ```toml
        [providers.openai]
        kind = "scripted"
        answers = [{ match = "six", answer = "42" }]
        ```
        ```sql
        SELECT ask('six times seven'), guess('six times seven');
        ```
        <!-- output -->
        ```text
        ...answer to: six times seven... 42...
        ```
        """,
    )


def test_an_invalid_configuration_is_caught(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"unknown key settings\.on_eror"):
        run(repository, tmp_path, '```toml\n[settings]\non_eror = "null"\n```\n')
