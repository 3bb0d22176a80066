"""dataset=fashionmnist: pieces of clothing, 28x28 grey, from the four official idx files.

Xiao, Rasul, Vollgraf, Fashion-MNIST, arXiv 1708.07747 (2017).
"""

from eqntk_cli.data.formats.idx import IdxSet, family

FASHION = IdxSet(
    name="fashionmnist",
    folder="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    md5=(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    about="grey images, 10 classes: clothing",
    licence="MIT",
    label_names=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
)

FAMILY = family(FASHION)
