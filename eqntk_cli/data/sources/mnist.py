"""dataset=mnist: handwritten digits, 28x28 grey, from the four official idx files."""

from eqntk_cli.data.formats.idx import IdxSet, family

MNIST = IdxSet(
    name="mnist",
    folder="https://ossci-datasets.s3.amazonaws.com/mnist/",
    md5=(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    about="grey images, 10 classes: handwritten digits",
    licence="CC BY-SA 3.0",
    label_names=tuple(str(digit) for digit in range(10)),
)

FAMILY = family(MNIST)
