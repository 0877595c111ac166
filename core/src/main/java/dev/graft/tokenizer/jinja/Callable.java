package dev.graft.tokenizer.jinja;

/// What a template can call.
interface Callable {

    Object call(Interpreter interpreter, Arguments arguments);
}
