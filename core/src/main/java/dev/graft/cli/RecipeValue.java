package dev.graft.cli;

import dev.graft.cli.Recipe.Modules;
import dev.graft.cli.Recipe.Template;
import dev.graft.cli.Recipe.Tokens;
import dev.graft.tokenizer.ChatTemplate;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Turns what YAML holds for one key into the type the key has.
///
/// @param key    the key the value is for
/// @param folder relative paths belong here
record RecipeValue(RecipeKey key, Path folder) {

    /// @throws IllegalArgumentException naming place, key, what was found and what was expected
    Object of(YamlNode node) {
        Class<?> type = key.type();
        if (type == int.class || type == long.class) {
            return whole(node);
        }
        if (type == double.class) {
            return number(node);
        }
        if (type == boolean.class) {
            return switch (text(node, "true or false")) {
                case "true" -> true;
                case "false" -> false;
                default -> throw wrong(node, "true or false");
            };
        }
        if (type == Path.class) {
            return path(node);
        }
        if (type == List.class) {
            return key.element() == Integer.class
                    ? numbers(node)
                    : names(node, "a list such as [lm_head, embed_tokens]");
        }
        if (type == Map.class) {
            return key.element() == String.class
                    ? names(node, key.path(), "a section such as {prompt: question, completion: answer}")
                    : pattern(node);
        }
        if (type == Tokens.class) {
            return tokens(node);
        }
        if (type == Modules.class) {
            return modules(node);
        }
        if (type == Sources.class) {
            return new SourcesValue(key, folder).of(node);
        }
        if (type == Template.class) {
            return template(node);
        }
        if (type == String.class) {
            return text(node, "a name");
        }
        return choice(node);
    }

    private Object whole(YamlNode node) {
        boolean isInt = key.type() == int.class;
        String expected = isInt ? "a whole number" : "a whole number of at most 64 bits";
        String digits = text(node, expected).replace("_", "");
        try {
            return isInt ? (Object) Integer.valueOf(digits) : (Object) Long.valueOf(digits);
        } catch (NumberFormatException other) {
            throw wrong(node, digits.matches("[+-]?\\d{10,}") ? "a smaller whole number" : expected);
        }
    }

    private double number(YamlNode node) {
        String digits = text(node, "a number").replace("_", "");
        // Java would also take "1f", "0x1p3" and "NaN"
        if (!digits.matches("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?")) {
            throw wrong(node, "a number");
        }
        double number = Double.parseDouble(digits);
        if (Double.isInfinite(number)) {
            throw wrong(node, "a number a double can hold");
        }
        return number;
    }

    private Path path(YamlNode node) {
        try {
            return folder.resolve(text(node, "a path")).toAbsolutePath().normalize();
        } catch (InvalidPathException invalid) {
            throw wrong(node, "a path");
        }
    }

    private Template template(YamlNode node) {
        String expected = "%s, or the path of a .jinja file".formatted(String.join(", ", ChatTemplate.BUILT_IN));
        String text = text(node, expected);
        if (ChatTemplate.BUILT_IN.contains(text)) {
            return new Template.BuiltIn(text);
        }
        Path file = path(node);
        if (!Files.isRegularFile(file)) {
            throw wrong(node, expected);
        }
        return new Template.File(file);
    }

    private List<String> names(YamlNode node, String expected) {
        if (!(node instanceof YamlNode.Items list)) {
            throw wrong(node, expected);
        }
        return list.items().stream().map(item -> text(item, expected)).toList();
    }

    /// The names that a section gives to others.
    static Map<String, String> names(YamlNode node, String path, String expected) {
        if (!(node instanceof YamlNode.Section section)) {
            throw wrong(node, path, expected);
        }
        Map<String, String> names = new LinkedHashMap<>();
        section.entries().forEach((name, entry) -> {
            if (!(entry.value() instanceof YamlNode.Scalar scalar)) {
                throw wrong(entry.value(), path + "." + name, "the name of a column");
            }
            names.put(name, scalar.text());
        });
        return names;
    }

    private Modules modules(YamlNode node) {
        String expected = "all-linear, a list such as [q_proj, v_proj], or a regular expression";
        if (node instanceof YamlNode.Items) {
            return new Modules.Named(names(node, expected));
        }
        String text = text(node, expected);
        if (text.equals("all-linear")) {
            return new Modules.AllLinear();
        }
        try {
            return new Modules.Matching(text);
        } catch (IllegalArgumentException broken) {
            throw new IllegalArgumentException("%s: %s: %s".formatted(node.place(), key.path(), broken.getMessage()));
        }
    }

    /// Whole numbers from 0, one by itself or a list.
    private List<Integer> numbers(YamlNode node) {
        String expected = "a list of whole numbers such as [0, 1]";
        List<YamlNode> items = node instanceof YamlNode.Items list ? list.items() : List.of(node);
        return items.stream()
                .map(item -> {
                    String digits = text(item, expected);
                    if (!digits.matches("[0-9]{1,9}")) {
                        throw wrong(node, expected);
                    }
                    return Integer.valueOf(digits);
                })
                .toList();
    }

    private Map<String, Object> pattern(YamlNode node) {
        boolean whole = key.element() == Integer.class;
        String expected = "a mapping of %s such as {down_proj: 4}".formatted(whole ? "whole numbers" : "numbers");
        Map<String, Object> values = new LinkedHashMap<>();
        section(node, expected).entries().forEach((name, entry) -> {
            if (whole && !text(entry.value(), expected).matches("[0-9]{1,9}")) {
                throw wrong(node, expected);
            }
            double number = number(entry.value());
            values.put(name, whole ? (Object) (int) number : (Object) number);
        });
        return values;
    }

    private Tokens tokens(YamlNode node) {
        if (node instanceof YamlNode.Items) {
            return new Tokens.OfEmbedding(numbers(node));
        }
        Map<String, List<Integer>> modules = new LinkedHashMap<>();
        section(node, "a list of tokens, or lists by module such as {embed_tokens: [3], lm_head: [3]}")
                .entries()
                .forEach((name, entry) -> modules.put(name, numbers(entry.value())));
        return new Tokens.ByModule(modules);
    }

    private YamlNode.Section section(YamlNode node, String expected) {
        if (node instanceof YamlNode.Section section) {
            return section;
        }
        throw wrong(node, expected);
    }

    private Object choice(YamlNode node) {
        String expected = "one of " + RecipeKey.choices(key.type());
        String text = text(node, expected);
        return Arrays.stream(key.type().getEnumConstants())
                .filter(constant -> RecipeWriter.name((Enum<?>) constant).equals(text))
                .findFirst()
                .orElseThrow(() -> wrong(node, expected));
    }

    private String text(YamlNode node, String expected) {
        if (node instanceof YamlNode.Scalar scalar) {
            return scalar.text();
        }
        throw wrong(node, expected);
    }

    private IllegalArgumentException wrong(YamlNode node, String expected) {
        return wrong(node, key.path(), expected);
    }

    static IllegalArgumentException wrong(YamlNode node, String path, String expected) {
        return new IllegalArgumentException(
                "%s: %s must be %s; found %s".formatted(node.place(), path, expected, node.described()));
    }
}
