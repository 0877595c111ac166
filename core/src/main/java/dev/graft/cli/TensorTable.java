package dev.graft.cli;

import dev.graft.format.Safetensors.Entry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Tensors as lines for the eye: those whose names differ in numbers alone (of layers, of experts), with
/// one type and shape, share one.
///
/// ```
/// model.layers.{0…23}.self_attn.q_proj.weight    24 × BF16 [896, 896]    36.8 MB
/// ```
final class TensorTable {
    /// Tensors of one type and shape.
    ///
    /// @param name parts between the dots: text, or the numbers that may stand there
    private record Group(List<Part> name, String dtype, List<Long> shape, int count, long bytes) {
        static Group of(Entry entry) {
            List<Part> name =
                    Arrays.stream(entry.name().split("\\.", -1)).map(Part::of).toList();
            List<Long> shape = Arrays.stream(entry.shape()).boxed().toList();
            return new Group(name, entry.dtypeName(), shape, 1, entry.bytes());
        }

        /// Equal for groups that differ at this place of their names alone.
        List<Object> keyWithout(int place) {
            List<Object> key = new ArrayList<>(name);
            key.set(place, "a number");
            key.add(dtype);
            key.add(shape);
            return key;
        }

        Group and(Group other, int place) {
            List<Part> joined = new ArrayList<>(name);
            joined.set(place, name.get(place).and(other.name.get(place)));
            return new Group(joined, dtype, shape, count + other.count, bytes + other.bytes);
        }

        String text() {
            return name.stream().map(Part::text).collect(Collectors.joining("."));
        }
    }

    /// One part of a name.
    ///
    /// @param numbers empty for text
    private record Part(String text, TreeSet<Integer> numbers) {
        static Part of(String text) {
            TreeSet<Integer> numbers = new TreeSet<>();
            if (text.matches("0|[1-9]\\d{0,8}")) {
                numbers.add(Integer.valueOf(text));
            }
            return new Part(text, numbers);
        }

        boolean isNumber() {
            return !numbers.isEmpty();
        }

        Part and(Part other) {
            TreeSet<Integer> both = new TreeSet<>(numbers);
            both.addAll(other.numbers);
            return new Part(braced(both), both);
        }

        /// `{0…3,7}`
        private static String braced(TreeSet<Integer> numbers) {
            List<String> ranges = new ArrayList<>();
            Integer first = null;
            for (Integer number : numbers) {
                first = first == null ? number : first;
                if (!numbers.contains(number + 1)) {
                    String gap = number - first == 1 ? "," : "…";
                    ranges.add(number.equals(first) ? "" + number : first + gap + number);
                    first = null;
                }
            }
            return "{" + String.join(",", ranges) + "}";
        }
    }

    private final List<Group> groups;

    TensorTable(Collection<Entry> entries) {
        List<Group> all = entries.stream().map(Group::of).toList();
        int longest = all.stream().mapToInt(group -> group.name.size()).max().orElse(0);
        for (int place = 0; place < longest; place++) {
            all = joined(all, place);
        }
        groups = all;
    }

    private static List<Group> joined(List<Group> groups, int place) {
        Map<Object, Group> joined = new LinkedHashMap<>();
        for (Group group : groups) {
            boolean joins = place < group.name.size() && group.name.get(place).isNumber();
            Object key = joins ? group.keyWithout(place) : group;
            joined.merge(key, group, (a, b) -> a.and(b, place));
        }
        return List.copyOf(joined.values());
    }

    /// One line a group, in columns.
    List<String> lines(Style style) {
        List<List<String>> cells = new ArrayList<>();
        for (Group group : groups) {
            String times = group.count == 1 ? "" : String.format(Locale.ROOT, "%,d × ", group.count);
            cells.add(List.of(
                    TerminalText.safe(group.text()).replace("\n", "␊").replace("\t", "␉"),
                    times,
                    group.dtype,
                    group.shape.toString(),
                    Facts.bytes(group.bytes)));
        }
        int[] widths = new int[5];
        cells.forEach(row ->
                Arrays.setAll(widths, i -> Math.max(widths[i], row.get(i).length())));
        return cells.stream()
                .map(row -> "  " + left(row.get(0), widths[0] + 2)
                        + style.dim(right(row.get(1), widths[1])) + left(row.get(2), widths[2] + 1)
                        + left(row.get(3), widths[3] + 2) + style.dim(right(row.get(4), widths[4])))
                .toList();
    }

    private static String left(String text, int width) {
        return text + " ".repeat(width - text.length());
    }

    private static String right(String text, int width) {
        return " ".repeat(width - text.length()) + text;
    }
}
