"""Writes the files of files.bin to a folder, one by one: python unpack.py FOLDER"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    files = (HERE / "files.bin").read_bytes()
    for case in json.loads((HERE / "cases.json").read_text()):
        data = files[case["start"] : case["start"] + case["length"]]
        (folder / (case["name"].replace(" ", "-") + ".jpg")).write_bytes(data)


main()
