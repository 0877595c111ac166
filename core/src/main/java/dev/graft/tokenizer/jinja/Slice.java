package dev.graft.tokenizer.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/// `start:stop:step` as an index; each may be None.
record Slice(Object start, Object stop, Object step) {

    /// First place, place before which it ends, and stride, in a sequence of some length.
    private record Bounds(long from, long to, long stride) {}

    private Bounds bounds(int length) {
        int stride = number(step, 1);
        if (stride == 0) {
            throw PythonError.value("slice step cannot be zero");
        }
        int lowest = stride > 0 ? 0 : -1;
        int highest = stride > 0 ? length : length - 1;
        return new Bounds(
                bounded(start, stride > 0 ? lowest : highest, length, lowest, highest),
                bounded(stop, stride > 0 ? highest : lowest, length, lowest, highest),
                stride);
    }

    /// The places it names in a sequence of the given length.
    List<Integer> places(int length) {
        Bounds bounds = bounds(length);
        List<Integer> places = new ArrayList<>();
        for (long i = bounds.from; bounds.stride > 0 ? i < bounds.to : i > bounds.to; i += bounds.stride) {
            places.add((int) i);
        }
        return places;
    }

    /// Negative numbers count from the end.
    private static int bounded(Object value, int otherwise, int length, int lowest, int highest) {
        if (value == null) {
            return otherwise;
        }
        int index = number(value, 0);
        return Math.clamp(index < 0 ? (long) index + length : index, lowest, highest);
    }

    private static int number(Object value, int otherwise) {
        if (value == null) {
            return otherwise;
        }
        OptionalInt number = Numbers.index(value);
        return number.orElseThrow(
                () -> PythonError.type("slice indices must be integers or None or have an __index__ method"));
    }

    List<Object> of(List<?> items) {
        List<Object> part = new ArrayList<>();
        places(items.size()).forEach(place -> part.add(items.get(place)));
        return part;
    }

    /// Python makes another range of it, whose end need not be one of its numbers.
    Range of(Range range) {
        Bounds bounds = bounds(range.size());
        return new Range(
                range.start() + bounds.from * range.step(),
                range.start() + bounds.to * range.step(),
                range.step() * bounds.stride);
    }

    String of(String text) {
        int[] points = text.codePoints().toArray();
        StringBuilder part = new StringBuilder();
        places(points.length).forEach(place -> part.appendCodePoint(points[place]));
        return part.toString();
    }
}
