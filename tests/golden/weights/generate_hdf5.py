"""Writes hdf5/: one small legacy file in every form of HDF5 that this project tells apart.

Made with Python 3.11, h5py 3.16.0 (HDF5 2.0.0), numpy 2.4.6.

Each file holds layer_0 without parameters and layer_1 with param_0 (6, 4), 0 to 23, and param_1 (6,), 100 to 105, both
float32. expected.json says for each file what the values are: "values", "zeros" (never written), "sevens" (never written,
fill value 7), "first rows" (the first three rows are written, the others are zeros), or names what is not supported.

Run twice, it writes the same bytes, but for a few files in whose object headers HDF5 notes the time.
"""

import ctypes
import json
import pathlib

import h5py
import numpy as np

HERE = pathlib.Path(__file__).parent / "hdf5"
# For properties that h5py does not offer: the very library that it has loaded.
LIBRARY = ctypes.CDLL(str(next((pathlib.Path(h5py.__file__).parents[1] / "h5py.libs").glob("libhdf5-*"))))
ID = ctypes.c_int64
# HDF5 2.0 has a newer layout of chunks.
V110 = ("v110", "v110")
KERNEL = np.arange(24, dtype="<f4").reshape(6, 4)
BIAS = np.arange(100, 106, dtype="<f4")
EXPECTED = {}


def plain(group, name, value):
    group.create_dataset(name, data=value)


def chunked(**options):
    def write(group, name, value):
        chosen = {key: option(value) if callable(option) else option for key, option in options.items()}
        chosen.setdefault("chunks", tuple(max(1, axis // 2) for axis in value.shape))
        group.create_dataset(name, data=value, **chosen)

    return write


def low_level(set_up, write=True):
    """A dataset made with a property list that h5py's own call can't give."""

    def create(group, name, value):
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_obj_track_times(False)
        set_up(properties, value)
        space = h5py.h5s.create_simple(value.shape)
        data = h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, properties)
        if write:
            data.write(h5py.h5s.ALL, h5py.h5s.ALL, value)

    return create


def legacy(name, expected, write=plain, before=None, after=None, file=None, **options):
    options.setdefault("libver", "earliest")
    EXPECTED[name] = expected
    path = HERE / name
    path.unlink(missing_ok=True)
    opened = file(path) if file else h5py.File(path, "w", **options)
    with opened as root:
        if before:
            before(root)
        root.attrs["nb_layers"] = 2
        for k, parameters in enumerate([[], [KERNEL, BIAS]]):
            group = root.create_group(f"layer_{k}")
            group.attrs["nb_params"] = len(parameters)
            for p, value in enumerate(parameters):
                write(group, f"param_{p}", value)
        if after:
            after(root)
    return path


def created(set_up, newest=False):
    """A file made with a property list that h5py's own call can't give, in the oldest form that holds it."""

    def make(path):
        properties = h5py.h5p.create(h5py.h5p.FILE_CREATE)
        set_up(properties)
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_libver_bounds(h5py.h5f.LIBVER_V110 if newest else h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_V110)
        return h5py.File(h5py.h5f.create(bytes(path), fcpl=properties, fapl=access))

    return make


def family(name, **options):
    return lambda path: h5py.File(HERE / name, "w", driver="family", memb_size=1024, **options)


def set_property(name, *values):
    def set_up(properties, *_):
        arguments = [ID(properties.id), *map(ctypes.c_uint, values)]
        assert LIBRARY[name](*arguments) >= 0, name

    return set_up


def links(root):
    root["a_soft_link"] = h5py.SoftLink("/layer_1/param_0")
    root["zz_dangling"] = h5py.SoftLink("/nowhere")
    root["layer_1"]["soft"] = h5py.SoftLink("/layer_0")


def many_links(root):
    for n in range(60):
        root[f"soft_{n:02}"] = h5py.SoftLink("/layer_0")


def only_links(root):
    group = root.create_group("links")
    group["one"] = h5py.SoftLink("/layer_0")


def external_link(root):
    root["elsewhere"] = h5py.ExternalLink("other.h5", "/layer_1")


def weights_by_link(root):
    root.move("layer_1", "kept")
    root["layer_1"] = h5py.SoftLink("/kept")


def kernel_by_link(root):
    root["kernel"] = root["layer_1/param_0"]
    del root["layer_1/param_0"]
    root["layer_1/param_0"] = h5py.SoftLink("/kernel")


def weights_by_external_link(root):
    del root["layer_1"]
    root["layer_1"] = h5py.ExternalLink("other.h5", "/layer_1")


def virtual(group, name, value):
    layout = h5py.VirtualLayout(shape=value.shape, dtype=value.dtype)
    layout[...] = h5py.VirtualSource("other.h5", f"layer_1/{name}", shape=value.shape)
    group.create_virtual_dataset(name, layout)


def external_data(group, name, value):
    group.create_dataset(name, shape=value.shape, dtype=value.dtype, external=[("other.bin", 0, h5py.h5f.UNLIMITED)])


def committed(group, name, value):
    if "float" not in group.file:
        group.file["float"] = np.dtype("<f4")
    group.create_dataset(name, data=value, dtype=group.file["float"])


def commented(root):
    for n in range(20):
        root["layer_1"].attrs[f"note_{n}"] = "a text " * 8
    root.attrs["texts"] = ["one", "two"]


def many_groups(root):
    for n in range(40):
        root.create_group(f"group_{n:02}")


def shared_messages(properties):
    set_property("H5Pset_shared_mesg_nindexes", 1)(properties)
    set_property("H5Pset_shared_mesg_index", 0, 0x1F, 1)(properties)


def never(**options):
    return lambda group, name, value: group.create_dataset(name, value.shape, value.dtype, **options)


def early(properties, value):
    properties.set_chunk(tuple(max(1, axis // 2) for axis in value.shape))
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)


def rows_of_3(value):
    return (3, *value.shape[1:])


def main():
    HERE.mkdir(exist_ok=True)
    legacy("plain.h5", "values")
    legacy("soft_links.h5", "values", after=links)
    legacy("soft_links_latest.h5", "values", after=links, libver="latest")
    legacy("soft_links_many.h5", "values", after=many_links)
    legacy("soft_links_alone.h5", "values", after=only_links)
    legacy("external_link.h5", "values", after=external_link)
    legacy("external_link_latest.h5", "values", after=external_link, libver="latest")
    legacy("weights_by_soft_link.h5", "soft link", after=weights_by_link)
    legacy("weights_by_soft_link_latest.h5", "soft link", after=weights_by_link, libver="latest")
    legacy("kernel_by_soft_link.h5", "soft link", after=kernel_by_link)
    legacy("kernel_by_soft_link_latest.h5", "soft link", after=kernel_by_link, libver="latest")
    legacy("weights_by_external_link.h5", "external link", after=weights_by_external_link)
    legacy("weights_by_external_link_latest.h5", "external link", after=weights_by_external_link, libver="latest")
    legacy("virtual.h5", "virtual dataset", write=virtual, libver="latest")
    legacy("external_data.h5", "another file", write=external_data)
    legacy("never_written.h5", "zeros", write=never())
    legacy("never_written_latest.h5", "zeros", write=never(), libver="latest")
    legacy("never_written_fill.h5", "sevens", write=never(fillvalue=7))
    legacy("never_written_chunks.h5", "zeros", write=never(chunks=True))
    legacy("never_written_chunks_latest.h5", "zeros", write=never(chunks=True, compression="gzip"), libver=V110)
    legacy("sparse_chunks.h5", "first rows", write=chunked_first())
    legacy("sparse_chunks_latest.h5", "first rows", write=chunked_first(), libver=V110)
    legacy("sizes_4.h5", "values", file=created(lambda p: p.set_sizes(4, 4)))
    legacy("sizes_2.h5", "values", file=created(lambda p: p.set_sizes(2, 2)))
    legacy("superblock_1.h5", "values", file=created(set_property("H5Pset_istore_k", 16)))
    legacy("superblock_2.h5", "values", libver=("v108", "v108"))
    legacy("superblock_3.h5", "values", libver=("v110", "v110"))
    legacy("latest.h5", "values", libver="latest")
    legacy("index_b_tree_1.h5", "values", write=chunked())
    legacy("index_single.h5", "values", write=chunked(chunks=lambda v: v.shape), libver=V110)
    legacy("index_single_gzip.h5", "values", write=chunked(chunks=lambda v: v.shape, compression="gzip"), libver=V110)
    legacy("index_implicit.h5", "values", write=low_level(early), libver=V110)
    legacy("index_fixed.h5", "values", write=chunked(compression="gzip"), libver=V110)
    legacy(
        "index_extensible.h5", "values",
        write=chunked(maxshape=lambda v: (None, *v.shape[1:]), chunks=rows_of_3), libver=V110,
    )
    legacy(
        "index_b_tree_2.h5", "version 2 B-tree",
        write=chunked(maxshape=lambda v: (None,) * max(2, v.ndim) if v.ndim > 1 else (None,)), libver=V110,
    )
    legacy("layout_5.h5", "version 5 of HDF5's data layout", write=chunked(compression="gzip"), libver="latest")
    legacy("sizes_4_latest.h5", "values", file=created(lambda p: p.set_sizes(4, 4), newest=True))
    legacy("sizes_4_chunks.h5", "values", file=created(lambda p: p.set_sizes(4, 4)), write=chunked(compression="gzip"))
    legacy("sizes_4_soft_links.h5", "values", file=created(lambda p: p.set_sizes(4, 4)), after=links)
    legacy("shuffle_fletcher.h5", "values", write=chunked(shuffle=True, fletcher32=True, compression="gzip"))
    legacy("lzf.h5", "values", write=chunked(compression="lzf"))
    legacy("scale_offset.h5", "values", write=chunked(scaleoffset=3))
    legacy("nbit.h5", "nbit", write=filtered("H5Pset_nbit"))
    legacy("szip.h5", "szip", write=filtered("H5Pset_szip", 4, 4))
    rename_filter(legacy("unknown_filter.h5", "filter number 32999", write=squeezed))
    legacy("compact.h5", "values", write=low_level(lambda p, v: p.set_layout(h5py.h5d.COMPACT)))
    legacy("user_block.h5", "values", userblock_size=1024)
    legacy("user_block_soft_links.h5", "values", userblock_size=512, after=links)
    legacy("committed_type.h5", "values", write=committed)
    legacy("dense_attributes.h5", "values", after=commented, libver="latest")
    legacy("attributes.h5", "values", after=commented)
    legacy("many_groups.h5", "values", after=many_groups, libver="latest")
    legacy("track_order.h5", "values", after=many_groups, track_order=True)
    legacy("paged.h5", "values", fs_strategy="page", fs_page_size=512, libver="latest")
    legacy("shared_messages.h5", "values", file=created(shared_messages))
    legacy("family_0.h5", "one HDF5 file in several", file=family("family_%d.h5"))
    legacy("family_latest_0.h5", "one HDF5 file in several", file=family("family_latest_%d.h5", libver=V110))
    for later in HERE.glob("family_*[1-9].h5"):
        later.unlink()
    with open(HERE / "expected.json", "w") as file:
        json.dump(EXPECTED, file, indent=1)
        file.write("\n")


def chunked_first():
    def write(group, name, value):
        data = group.create_dataset(name, value.shape, value.dtype, chunks=rows_of_3(value))
        data[:3] = value[:3]

    return write


def filtered(name, *values):
    def set_up(properties, value):
        properties.set_chunk(value.shape)
        set_property(name, *values)(properties)

    return low_level(set_up)


def squeezed(group, name, value):
    """Zeros, which lzf packs. What it does not make shorter is kept as it is, and then read without it."""
    group.create_dataset(name, data=np.zeros((200, 4), "<f4"), chunks=(200, 4), compression="lzf")


def rename_filter(path):
    """Gives the filter 32000, h5py's own lzf, the number of one that nobody has."""
    content = path.read_bytes()
    old, new = (32000).to_bytes(2, "little"), (32999).to_bytes(2, "little")
    at = [i for i in range(len(content)) if content.startswith(old, i) and b"lzf" in content[i : i + 16]]
    assert len(at) == 2, at
    for i in at:
        content = content[:i] + new + content[i + 2 :]
    path.write_bytes(content)


if __name__ == "__main__":
    main()
