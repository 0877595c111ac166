package dev.graft.data.input;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// The names of the columns of a CSV or TSV file, from its first row.
record Header(List<String> names) {

    static Header of(List<String> fields) {
        Set<String> seen = new HashSet<>();
        for (String name : fields) {
            if (name.isBlank()) {
                throw new FileFault("has a column without a name; its first row must name the columns, and says %s"
                        .formatted(quoted(fields)));
            }
            if (!seen.add(name)) {
                throw new FileFault("has two columns called \"%s\"; rename one of them".formatted(name));
            }
        }
        return new Header(List.copyOf(fields));
    }

    RawRow row(int number, List<String> fields) {
        if (fields.size() != names.size()) {
            return new RawRow.Broken(
                    number,
                    "has %d fields; the header names %d columns: %s"
                            .formatted(fields.size(), names.size(), quoted(names)));
        }
        ObjectNode row = JsonNodeFactory.instance.objectNode();
        for (int i = 0; i < names.size(); i++) {
            row.put(names.get(i), fields.get(i));
        }
        return new RawRow.Values(number, row);
    }

    private static String quoted(List<String> names) {
        return names.stream().map(name -> '"' + name + '"').collect(Collectors.joining(", "));
    }
}
