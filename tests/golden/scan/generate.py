"""The order in which Keras's flow_from_directory lists a folder that invites mistakes.

Made with Python 3.11.7, Pillow 13.0.0, numpy 2.4.6, keras 3.15.1, tensorflow-cpu 2.21.0:

    python generate.py

writes cases.json beside this file: the files of the folder, and the filenames and classes that
ImageDataGenerator().flow_from_directory(folder, shuffle=False) gives. Hidden entries, links, .webp and names that
end in an extension without a dot are left out here, for there the crate differs on purpose.
"""

import json
import pathlib
import tempfile

from keras.src.legacy.preprocessing.image import ImageDataGenerator

HERE = pathlib.Path(__file__).parent

FILES = [
    # Classes by code point: upper case first, '-' before '/', 'z' before 'é', 'é' before '水'.
    "b/1.png",
    "B/1.png",
    "b-1/1.png",
    "é/1.png",
    "z/1.png",
    "水/1.png",
    "10/1.png",
    "9/1.png",
    # Files by code point: not by number, not by case.
    "b/10.png",
    "b/9.png",
    "b/A.png",
    "b/a.png",
    "b/_.png",
    # Extensions in any case, and what is no image.
    "b/x.JPG",
    "b/x.jpeg",
    "b/x.JpEg",
    "b/x.bmp",
    "b/x.ppm",
    "b/x.pgm",
    "b/x.tif",
    "b/x.TIFF",
    "b/x.gif",
    "b/x.txt",
    "b/x",
    "b/x.png.bak",
    "b/two.dots.png",
    # Folders by their whole path as a string: 's s' and 's-s' sort before 's/t', 's.png/' and 's0' around.
    "b/s/1.png",
    "b/s/t/1.png",
    "b/s/t/u/1.png",
    "b/s s/1.png",
    "b/s-s/1.png",
    "b/s.png/1.png",
    "b/s0/1.png",
    "b/s/0.png",
    "b/s/z.png",
    # A folder without images of its own, and a class whose only image lies deep.
    "z/deep/deeper/1.png",
    "deep/e/e/p/1.png",
    # A class without images, and a file beside the classes.
    "empty/readme.txt",
    "loose.png",
]


def main():
    with tempfile.TemporaryDirectory() as folder:
        for file in FILES:
            path = pathlib.Path(folder, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        found = ImageDataGenerator().flow_from_directory(folder, shuffle=False)
        classes = sorted(found.class_indices, key=found.class_indices.get)
        index = {
            "files": FILES,
            "classes": classes,
            "samples": [[name, int(label)] for name, label in zip(found.filenames, found.classes)],
        }
    (HERE / "cases.json").write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n")


main()
