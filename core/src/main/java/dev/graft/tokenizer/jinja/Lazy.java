package dev.graft.tokenizer.jinja;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.function.Predicate;

/// Values that can be gone through once, each made when it is asked for, such as those of `map` or
/// `select`.
record Lazy(Iterator<Object> values) {

    static Lazy of(Iterable<Object> values) {
        return new Lazy(values.iterator());
    }

    static Lazy mapped(Iterator<Object> source, Function<Object, Object> change) {
        return new Lazy(new Iterator<>() {
            @Override
            public boolean hasNext() {
                return source.hasNext();
            }

            @Override
            public Object next() {
                return change.apply(source.next());
            }
        });
    }

    static Lazy filtered(Iterator<Object> source, Predicate<Object> wanted) {
        return new Lazy(new Iterator<>() {
            private Object next = Python.MISSING;

            @Override
            public boolean hasNext() {
                while (next == Python.MISSING && source.hasNext()) {
                    Object candidate = source.next();
                    next = wanted.test(candidate) ? candidate : Python.MISSING;
                }
                return next != Python.MISSING;
            }

            @Override
            public Object next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                Object result = next;
                next = Python.MISSING;
                return result;
            }
        });
    }
}
