"""Standard streams: any encoding, closed, or missing."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.utils import quiet, streams

ROOT = Path(zoo.__file__).parents[1]


def process(code, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)


@pytest.mark.parametrize("encoding", ("cp1252", "ascii", "shift_jis"))
def test_what_an_encoding_lacks_is_written_as_an_escape(encoding):
    code = "import sys; from zoo.cli.main import main; sys.exit(main(['list', '--models']) or main(['finetune', '--help']))"
    done = process(code, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and done.stderr == b""
    text = done.stdout.decode(encoding)
    assert "vae_mlp" in text and ("\\u03b1 of the Beta distribution" in text or "α of the Beta distribution" in text)


@pytest.mark.parametrize("number", (0, 1, 2))
def test_a_closed_stream_takes_no_part_in_other_files(number, tmp_path):
    """Left closed, its number would go to the next file: what is printed would be written into a user's results."""
    code = (
        f"import os, sys; os.close({number})\n"
        f"{'sys.stdout = None' if number == 1 else 'sys.stderr = None' if number == 2 else ''}\n"
        "from zoo.utils import streams; streams.harden()\n"
        f"file = open({str(tmp_path / 'result')!r}, 'wb', buffering=0)\n"
        "assert file.fileno() > 2\n"
        "print('out'); print('err', file=sys.stderr); sys.stdout.flush(); sys.stderr.flush()\n"
        "os.write(2, b'below Python'); os.write(1, b'below Python')"
    )
    done = process(code)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result").read_bytes() == b""
    assert (b"out" in done.stdout) == (number != 1) and (b"err" in done.stderr) == (number != 2)


@pytest.mark.parametrize("name", ("stdout", "stderr"))
def test_a_command_without_a_stream(name, monkeypatch):
    monkeypatch.setattr(sys, name, None)
    from zoo.cli.main import main

    assert main(["list", "--models"]) == 0
    assert main(["encod"]) == 2
    getattr(sys, name).close()


@pytest.mark.parametrize("missing", (None, "closed"))
def test_library_calls_without_streams(missing, monkeypatch):
    stream = None
    if missing:
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    assert not streams.is_terminal(sys.stdout) and streams.verbosity() == 0
    monkeypatch.setattr(sys, "stderr", None)
    with quiet.closed_standard_error():
        pass
    streams.say("a line that nobody reads")


def test_the_standard_error_may_be_closed_below_python():
    code = "import os; os.close(2); from zoo.utils import quiet as q\nwith q.closed_standard_error():\n print(1)\nprint(2)"
    assert process(code).stdout.split() == [b"1", b"2"]
