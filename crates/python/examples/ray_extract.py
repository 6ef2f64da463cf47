"""Features of a folder of images on a Ray cluster, as the same file that `headstart extract` writes on one machine.

    python ray_extract.py IMAGES features.npy --shards 100 --workers 8

All workers must see IMAGES and the folder of the output under the same paths. Ray hands out the shards; each worker is an
actor that opens the network once. Stopped and started again, the program computes what is missing.

`columns` and `columns_of_arrays` show the other shape: features as a column of a Ray dataset, for all that follows in Ray.
There is no manifest then.
"""

import argparse
import pathlib

import ray

import headstart

NETWORK = "efficientnet_lite2"


class Shards:
    """An actor that extracts shards of a folder, each into files of its own."""

    def __init__(self, images, parts, count, cpus, settings):
        # Ray counts CPUs, and leaves it to the worker to use no more.
        headstart.set_threads(cpus)
        self.images, self.parts, self.count = images, pathlib.Path(parts), count
        self.backbone = headstart.Backbone(**settings)

    def __call__(self, batch):
        files = [self.parts / f"part{index:05}.npy" for index in batch["id"]]
        for index, file in zip(batch["id"], files):
            headstart.extract_folder(
                self.images, file, backbone=self.backbone, shard=(int(index), self.count)
            )
        return {"npy": [str(file) for file in files]}


def extract_folder(images, output, shards, workers, cpus=2, **settings):
    """Extracts a folder with so many workers of so many CPUs, and merges the shards into `output`."""
    output = pathlib.Path(output).resolve()
    parts = output.with_suffix(".parts")
    parts.mkdir(exist_ok=True)
    # No task reads these numbers, so the workers may take all CPUs.
    numbers = ray.data.from_items([{"id": index} for index in range(shards)], override_num_blocks=shards)
    done = numbers.map_batches(
        Shards,
        fn_constructor_args=(str(pathlib.Path(images).resolve()), str(parts), shards, cpus, settings),
        # One shard at a time: what a worker has finished is not lost with it.
        batch_size=1,
        concurrency=workers,
        num_cpus=cpus,
    )
    return headstart.merge(sorted(row["npy"] for row in done.take_all()), output)


class Features:
    """An actor that adds the column `features` to paths or to pixels."""

    def __init__(self, cpus, settings):
        headstart.set_threads(cpus)
        self.backbone = headstart.Backbone(**settings)

    def __call__(self, batch):
        images = batch["path"] if "image" not in batch else list(batch.pop("image"))
        return {**batch, "features": self.backbone.transform(images)}


def columns(paths, workers, cpus=2, **settings):
    """A dataset of paths and features. The workers read the files."""
    images = ray.data.from_items([{"path": str(path)} for path in paths], override_num_blocks=2 * workers)
    return images.map_batches(
        Features, fn_constructor_args=(cpus, settings), batch_size=64, concurrency=workers, num_cpus=cpus
    )


def columns_of_arrays(folder, workers, cpus=2, **settings):
    """The same of all that Ray can read: here it reads and decodes the files itself, anywhere that pyarrow reaches.

    Its tasks need CPUs beside those of the workers.
    """
    images = ray.data.read_images(str(folder), mode="RGB", include_paths=True)
    return images.map_batches(
        Features, fn_constructor_args=(cpus, settings), batch_size=64, concurrency=workers, num_cpus=cpus
    )


def main():
    parser = argparse.ArgumentParser(description="Features of a folder of images on a Ray cluster")
    parser.add_argument("images", help="folder with a sub-folder per class")
    parser.add_argument("output", help="the .npy to write")
    parser.add_argument("--shards", type=int, default=100, help="parts of the folder: several for each worker")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=2, help="CPUs of a worker")
    parser.add_argument("--network", default=NETWORK)
    parser.add_argument("--size", type=int, help="side of the network's input")
    arguments = parser.parse_args()
    settings = {"network": arguments.network}
    if arguments.size:
        settings["size"] = (arguments.size, arguments.size)
    ray.init()
    made = extract_folder(
        arguments.images, arguments.output, arguments.shards, arguments.workers, arguments.cpus, **settings
    )
    print(f"features  {made['npy']} ({made['rows']} rows of {arguments.shards} shards)")


if __name__ == "__main__":
    main()
