package dev.graft.cli;

import dev.graft.cli.Sources.Source;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/// Turns what YAML holds for `data.train` or `data.eval` into [Sources]: a path, or a list of paths and
/// of sections.
///
/// @param key     the key the value is for
/// @param folder  relative paths belong here
record SourcesValue(RecipeKey key, Path folder) {
    private static final String EXPECTED =
            "a path, or a list of paths or of {path: …, weight: …, columns: {…}, shape: …}";
    private static final List<String> KEYS = List.of("path", "weight", "columns", "shape");

    Sources of(YamlNode node) {
        List<Source> list = new ArrayList<>();
        if (node instanceof YamlNode.Items items) {
            items.items().forEach(item -> list.add(source(item)));
        } else {
            list.add(source(node));
        }
        try {
            return new Sources.Of(list);
        } catch (IllegalArgumentException wrong) {
            throw new IllegalArgumentException(
                    "%s: %s %s".formatted(node.place(), key.path(), wrong.getMessage()), wrong);
        }
    }

    private Source source(YamlNode node) {
        return switch (node) {
            case YamlNode.Scalar scalar -> Source.of(absolute(scalar.text()));
            case YamlNode.Section section -> source(section);
            default -> throw RecipeValue.wrong(node, key.path(), EXPECTED);
        };
    }

    private Source source(YamlNode.Section section) {
        section.entries().forEach((name, entry) -> {
            if (!KEYS.contains(name)) {
                throw new IllegalArgumentException("%s: a source of %s has no key %s; it has %s"
                        .formatted(entry.keyPlace(), key.path(), name, String.join(", ", KEYS)));
            }
        });
        String path = text(section, "path").orElseThrow(() -> RecipeValue.wrong(section, key.path(), EXPECTED));
        Map<String, String> columns = section.entries().containsKey("columns")
                ? RecipeValue.names(
                        section.entries().get("columns").value(),
                        key.path() + ".columns",
                        "a section such as {prompt: question}")
                : Map.of();
        try {
            return new Source(absolute(path), weight(section), columns, text(section, "shape"));
        } catch (IllegalArgumentException wrong) {
            throw new IllegalArgumentException(
                    "%s: %s %s".formatted(section.place(), key.path(), wrong.getMessage()), wrong);
        }
    }

    private OptionalDouble weight(YamlNode.Section section) {
        Optional<String> text = text(section, "weight");
        try {
            return text.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(Double.parseDouble(text.get()));
        } catch (NumberFormatException e) {
            throw RecipeValue.wrong(section.entries().get("weight").value(), key.path() + ".weight", "a number");
        }
    }

    private Optional<String> text(YamlNode.Section section, String name) {
        if (!section.entries().containsKey(name)) {
            return Optional.empty();
        }
        return switch (section.entries().get(name).value()) {
            case YamlNode.Scalar scalar -> Optional.of(scalar.text());
            case YamlNode.Nothing _ -> Optional.empty();
            case YamlNode node -> throw RecipeValue.wrong(node, key.path() + "." + name, "text");
        };
    }

    /// A pattern is no path to every system, so that it is put behind the folder as text.
    private String absolute(String path) {
        File given = new File(path);
        String joined =
                given.isAbsolute() ? path : folder.toAbsolutePath().resolve("x").getParent() + File.separator + path;
        boolean isPattern = path.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
        return isPattern ? joined : Path.of(joined).normalize().toString();
    }
}
