package dev.graft.tokenizer.jinja;

import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/// `owner.name` and `owner[index]`. Both find elements of dictionaries and attributes of any value; they
/// differ in which they look for first.
final class Access {
    private static final Set<String> CHANGE_LISTS =
            Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
    private static final Set<String> CHANGE_DICTS = Set.of("clear", "pop", "popitem", "setdefault", "update");

    private Access() {}

    static Object attribute(Object owner, String name) {
        if (owner instanceof Undefined undefined) {
            throw undefined.used();
        }
        Object own = own(owner, name);
        if (own != Python.MISSING) {
            return own;
        }
        Object element = owner instanceof Map<?, ?> dict ? Python.lookup(dict, name) : Python.MISSING;
        return element != Python.MISSING ? element : Undefined.part(owner, name);
    }

    static Object item(Object owner, Object index) {
        if (owner instanceof Undefined undefined) {
            throw undefined.used();
        }
        Object element = element(owner, index);
        if (element == Python.MISSING && index instanceof String name) {
            element = own(owner, name);
        }
        if (element == Python.MISSING && index instanceof Slice) {
            throw PythonError.type("'%s' object has no such slice".formatted(Python.typeName(owner)));
        }
        return element != Python.MISSING ? element : Undefined.part(owner, index);
    }

    private static Object element(Object owner, Object index) {
        try {
            return switch (owner) {
                case Map<?, ?> dict -> index instanceof Slice ? Python.MISSING : Python.lookup(dict, index);
                case String text -> index instanceof Slice slice ? slice.of(text) : character(text, index);
                case Range range when index instanceof Slice slice -> slice.of(range);
                case List<?> list -> index instanceof Slice slice ? slice.of(list) : at(list, index);
                case Tuple tuple ->
                    index instanceof Slice slice ? new Tuple(slice.of(tuple.items())) : at(tuple.items(), index);
                case null, default -> Python.MISSING;
            };
        } catch (PythonError e) {
            if (e.kind() == PythonError.Kind.TYPE) {
                return Python.MISSING;
            }
            throw e;
        }
    }

    private static Object at(List<?> items, Object index) {
        OptionalInt place = Numbers.index(index);
        int at = place.orElse(0) < 0 ? place.orElse(0) + items.size() : place.orElse(0);
        return place.isPresent() && at >= 0 && at < items.size() ? items.get(at) : Python.MISSING;
    }

    private static Object character(String text, Object index) {
        int length = Text.length(text);
        OptionalInt place = Numbers.index(index);
        int at = place.orElse(0) < 0 ? place.orElse(0) + length : place.orElse(0);
        return place.isPresent() && at >= 0 && at < length
                ? Character.toString(text.codePointAt(Text.offset(text, at)))
                : Python.MISSING;
    }

    /// An attribute in Python's sense: a method, or a value of a special object.
    static Object own(Object owner, String name) {
        boolean changes = owner instanceof List<?> && CHANGE_LISTS.contains(name)
                || owner instanceof Map<?, ?> && CHANGE_DICTS.contains(name);
        if (changes || name.startsWith("__") && name.endsWith("__")) {
            return new Undefined("access to attribute '%s' of '%s' object is unsafe; a template may change no value"
                    .formatted(name, Python.typeName(owner)));
        }
        return switch (owner) {
            case Attributes special -> special.attribute(name);
            case String text -> StringMethods.of(text, name);
            case Map<?, ?> dict -> CollectionMethods.of(dict, name);
            case List<?> list -> CollectionMethods.of(list, name);
            case Tuple tuple -> CollectionMethods.of(tuple, name);
            case Boolean _, java.math.BigInteger _, Double _ -> NumberMethods.of(owner, name);
            case null, default -> Python.MISSING;
        };
    }
}
