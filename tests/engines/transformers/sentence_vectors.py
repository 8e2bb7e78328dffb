"""Run where sentence-transformers is installed: texts as JSON in, their vectors out.

    python sentence_vectors.py FOLDER < texts.json > vectors.json

With `--pairs` the texts are pairs, and a cross-encoder scores them.
"""

import json
import sys


def main() -> None:
    from sentence_transformers import CrossEncoder, SentenceTransformer

    folder, texts = sys.argv[-1], json.load(sys.stdin)
    if "--pairs" in sys.argv:
        found = CrossEncoder(folder, device="cpu").predict(texts)
    else:
        model = SentenceTransformer(folder, device="cpu")
        found = model.encode(texts, normalize_embeddings=True)
    json.dump(
        [[float(number) for number in row] for row in found.reshape(len(texts), -1)], sys.stdout
    )


if __name__ == "__main__":
    main()
