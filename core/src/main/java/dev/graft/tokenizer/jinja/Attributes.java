package dev.graft.tokenizer.jinja;

/// A value with attributes of its own: a namespace, a loop, a macro.
interface Attributes {

    /// [Python#MISSING] where there is no such attribute.
    Object attribute(String name);
}
