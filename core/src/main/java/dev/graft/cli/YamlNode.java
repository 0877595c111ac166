package dev.graft.cli;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// A YAML value that remembers where it was written, so that an error can point at it.
///
/// Scalars stay text: what a value has to be is known by the one who asks for it, and YAML's own guess
/// is wrong for some (`2e-4` has no dot, so YAML 1.1 calls it a string).
sealed interface YamlNode {
    Place place();

    /// What this is, as a sentence names it: `the text "fast"`, `a list`, `a section`.
    String described();

    record Scalar(String text, Place place) implements YamlNode {
        @Override
        public String described() {
            return '"' + text + '"';
        }
    }

    /// A key with nothing behind it, `~` or `null`.
    record Nothing(Place place) implements YamlNode {
        @Override
        public String described() {
            return "nothing";
        }
    }

    record Items(List<YamlNode> items, Place place) implements YamlNode {
        @Override
        public String described() {
            return items.stream().map(YamlNode::described).collect(Collectors.joining(", ", "the list [", "]"));
        }
    }

    record Section(Map<String, Entry> entries, Place place) implements YamlNode {
        @Override
        public String described() {
            return entries.isEmpty() ? "an empty section" : "a section with the keys " + entries.keySet();
        }
    }

    /// A value and the place of the key before it.
    record Entry(Place keyPlace, YamlNode value) {}

    /// Where something was written; line and column count from 1, and line 0 means the whole source.
    record Place(String source, int line, int column) {
        @Override
        public String toString() {
            return line == 0 ? source : source + ":" + line + ":" + column;
        }
    }

    /// Reads one YAML document.
    ///
    /// @param source the name under which errors report it
    /// @throws IllegalArgumentException when it is not YAML, or uses a part of YAML that would hide what
    /// a value is
    static YamlNode parse(String text, String source) {
        return new Reader(source, true).read(text);
    }

    /// Reads the value of `--set key=value`; errors name `source` without a line.
    static YamlNode parseValue(String text, String source) {
        return new Reader(source, false).read(text);
    }

    /// Turns Jackson's stream of tokens into the tree.
    final class Reader {
        private final String source;
        private final boolean withLines;

        private Reader(String source, boolean withLines) {
            this.source = source;
            this.withLines = withLines;
        }

        YamlNode read(String text) {
            try (YAMLParser parser = new YAMLFactory().createParser(text)) {
                if (parser.nextToken() == null) {
                    return new Nothing(new Place(source, 0, 0));
                }
                YamlNode root = node(parser);
                if (parser.nextToken() != null) {
                    throw fault(place(parser), "a second document starts here; a recipe is a single one");
                }
                return root;
            } catch (JsonProcessingException notYaml) {
                throw new IllegalArgumentException(syntaxFault(notYaml), notYaml);
            } catch (IOException impossible) {
                throw new UncheckedIOException("reading " + source + " from memory", impossible);
            }
        }

        private YamlNode node(YAMLParser parser) throws IOException {
            Place place = place(parser);
            if (parser.isCurrentAlias()) {
                throw fault(place, "aliases (*%s) are not supported; write the value out".formatted(parser.getText()));
            }
            return switch (parser.currentToken()) {
                case START_OBJECT -> section(parser, place);
                case START_ARRAY -> items(parser, place);
                case VALUE_NULL -> new Nothing(place);
                // an empty plain scalar behind a key arrives as an empty string
                case VALUE_STRING ->
                    parser.getText().isEmpty() ? new Nothing(place) : new Scalar(parser.getText(), place);
                default -> new Scalar(parser.getText(), place);
            };
        }

        private Section section(YAMLParser parser, Place place) throws IOException {
            Map<String, Entry> entries = new LinkedHashMap<>();
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String key = parser.currentName();
                Place keyPlace = place(parser);
                parser.nextToken();
                Entry before = entries.put(key, new Entry(keyPlace, node(parser)));
                if (before != null) {
                    throw fault(
                            keyPlace,
                            "the key %s was already given at %s; keep one of them".formatted(key, before.keyPlace()));
                }
            }
            return new Section(entries, place);
        }

        private Items items(YAMLParser parser, Place place) throws IOException {
            List<YamlNode> items = new ArrayList<>();
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                items.add(node(parser));
            }
            return new Items(List.copyOf(items), place);
        }

        private Place place(YAMLParser parser) {
            return place(parser.currentTokenLocation());
        }

        private Place place(JsonLocation at) {
            return withLines ? new Place(source, at.getLineNr(), at.getColumnNr()) : new Place(source, 0, 0);
        }

        private static IllegalArgumentException fault(Place place, String sentence) {
            return new IllegalArgumentException(place + ": " + sentence);
        }

        /// SnakeYAML explains over many lines, with drawings; the lines that carry the reason are kept.
        private String syntaxFault(JsonProcessingException notYaml) {
            String reason = notYaml.getOriginalMessage()
                    .lines()
                    .map(String::strip)
                    .filter(line -> !line.isEmpty() && !line.startsWith("^") && !line.startsWith("in '"))
                    .limit(3)
                    .collect(Collectors.joining("; "));
            Place place = notYaml.getLocation() == null ? new Place(source, 0, 0) : place(notYaml.getLocation());
            return "%s: this is not valid YAML: %s".formatted(place, reason);
        }
    }
}
