"""What a client that nobody here wrote can do through a gateway: run.py CLIENT

CLIENT is a file of this folder. Reads questions, one JSON object a line, answers each with a line of JSON and ends with its
input. `{"feature": null}` asks for the client's name and version. Any other feature comes with the `urls` of a gateway,
{"grpc": ..., "rest": ...}, the pixels of a `picture`, how often it is to be sent in one request (`count`), and the `logits`
that are expected of it; the answer is `{"works": true}`, `{"works": false, "why": ...}`, or `{"works": null}` where the client
does not offer it.
"""

import importlib
import json
import signal
import sys

import numpy as np

MODEL, INPUT, OUTPUT = "digits", "image", "logits"
# Some clients wait for ever for what they cannot read; seconds.
PATIENCE = 15


def array_of(question):
    picture = np.array(question["picture"], dtype=np.float32).reshape(1, 1, 28, 28)
    return np.repeat(picture, question["count"], axis=0)


def check_prediction(answer, question):
    assert answer["logits"].shape == (question["count"], 10), answer
    assert np.allclose(answer["logits"], question["logits"], atol=1e-3), answer


def predicts(**options):
    def feature(client, question):
        answer = client.infer(MODEL, array_of(question), request_id="42", **options)
        check_prediction(answer, question)
        assert answer["id"] == "42", answer

    return feature


def fails(code, model=MODEL, word="", **options):
    def feature(client, question):
        try:
            answer = client.infer(model, array_of(question), **options)
        except client.error as error:
            actual, message = client.status(error)
            assert actual == code, f"{actual}: {message}"
            assert word in message, message
        else:
            raise AssertionError(f"it is answered with {answer}")

    return feature


def has_deadlines(client, question):
    """A wide one is kept, a narrow one for many pictures is not, and neither hurts the next call."""
    predicts(timeout=60)(client, question)
    fails("DEADLINE_EXCEEDED", timeout=0.001)(client, question | {"count": 500})
    predicts()(client, question)


def cancels(client, question):
    """Of many pictures, so that there is something to cancel; it hurts no next call."""
    client.cancel(MODEL, array_of(question | {"count": 500}))
    predicts()(client, question)


def streams(client, question):
    """Two requests in one stream, each answered."""
    answers = list(client.stream(MODEL, [array_of(question)] * 2))
    assert len(answers) == 2, answers
    for answer in answers:
        check_prediction(answer, question)


def reads_server_metadata(client, _question):
    assert client.server_metadata() in ("portcullis", "mlserver")


def reads_model_metadata(client, _question):
    assert client.model_metadata(MODEL) == (INPUT, OUTPUT)


def reads_decision(decision):
    def feature(client, question):
        parameters = client.infer(MODEL, array_of(question))["parameters"]
        assert parameters["portcullis_decision"] == decision, parameters
        assert parameters["portcullis_id"], parameters

    return feature


def is_true(method, *arguments):
    def feature(client, _question):
        assert getattr(client, method)(*arguments) is True

    return feature


FEATURES = {
    "live": is_true("live"),
    "ready": is_true("ready"),
    "model ready": is_true("model_ready", MODEL),
    "server metadata": reads_server_metadata,
    "model metadata": reads_model_metadata,
    "raw contents": predicts(typed=False),
    "typed contents": predicts(typed=True),
    "batch": predicts(),
    "large message": predicts(),
    "gzip": predicts(compression="gzip"),
    "deflate": predicts(compression="deflate"),
    "deadline": has_deadlines,
    "cancellation": cancels,
    "stream": streams,
    "error": fails("NOT_FOUND", model="nobody"),
    "annotation": reads_decision("clean"),
    "refusal": fails("PERMISSION_DENIED", word="suspected to be adversarial"),
    "restoration": reads_decision("suspicious"),
}


def answer(module, question):
    if question["feature"] is None:
        return {"name": module.NAME, "version": module.VERSION}
    signal.alarm(PATIENCE)
    try:
        FEATURES[question["feature"]](module.Client(question["urls"]), question)
    except NotImplementedError:
        return {"works": None}
    except Exception as error:
        return {"works": False, "why": f"{type(error).__name__}: {error}"}
    finally:
        signal.alarm(0)
    return {"works": True}


def give_up(_signal, _frame):
    raise TimeoutError(f"nothing came of it in {PATIENCE} s")


def main():
    signal.signal(signal.SIGALRM, give_up)
    module = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(module, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
