package dev.graft.tokenizer.jinja;

/// A value that is not there. It prints as nothing, is false and empty; any other use of it is an error.
///
/// @param hint  why it is not there, as a clause for the error
record Undefined(String hint) {

    static Undefined variable(String name) {
        return new Undefined("'%s' is undefined".formatted(name));
    }

    /// The part `key` of `owner`, which has none.
    static Undefined part(Object owner, Object key) {
        return new Undefined(
                switch (key) {
                    case String name -> "'%s' has no attribute '%s'".formatted(shown(owner), name);
                    case null, default -> "%s has no element %s".formatted(shown(owner), element(key));
                });
    }

    /// Some values have no text, such as functions.
    private static String element(Object key) {
        try {
            return Python.repr(key);
        } catch (PythonError _) {
            return "of type " + Python.typeName(key);
        }
    }

    private static String shown(Object owner) {
        return owner == null ? "None" : Python.typeName(owner) + " object";
    }

    PythonError used() {
        return PythonError.other(hint);
    }
}
