package dev.graft.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.util.StringQuotingChecker;
import dev.graft.cli.Recipe.Modules;
import dev.graft.cli.Sources.Source;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/// Writes a [Recipe] as [RecipeReader] reads it, every key included.
final class RecipeWriter {
    private static final ObjectMapper YAML = new ObjectMapper(YAMLFactory.builder()
            .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
            .disable(YAMLGenerator.Feature.SPLIT_LINES)
            .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
            .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
            .enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
            .stringQuotingChecker(new Quoting())
            .build());

    /// Jackson leaves text without quotes that YAML reads otherwise, such as U+0085, a line break to YAML.
    private static final class Quoting extends StringQuotingChecker.Default {
        private static final long serialVersionUID = 1;

        @Override
        public boolean needToQuoteValue(String value) {
            return super.needToQuoteValue(value)
                    || !value.codePoints()
                            .allMatch(c -> c == ' ' || Character.isLetterOrDigit(c) || c > ' ' && c < 127);
        }
    }

    private RecipeWriter() {}

    static String yaml(Recipe recipe) {
        try {
            return YAML.writeValueAsString(tree(recipe));
        } catch (JsonProcessingException impossible) {
            throw new AssertionError("maps, lists, text and numbers can always be written", impossible);
        }
    }

    /// The settings of a recipe by section, in the order of the file; those without a value hold null.
    static Map<String, Object> tree(Record section) {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (RecordComponent component : section.getClass().getRecordComponents()) {
            try {
                tree.put(
                        RecipeKey.name(component), plain(component.getAccessor().invoke(section)));
            } catch (ReflectiveOperationException impossible) {
                throw new AssertionError("accessors of a public record are public", impossible);
            }
        }
        return tree;
    }

    static String name(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static Object plain(Object value) {
        return switch (value) {
            case Modules.AllLinear _ -> "all-linear";
            case Modules.Named(var names) -> names;
            case Modules.Matching(var regex) -> regex;
            case Sources sources -> plain(sources);
            case Recipe.Template.BuiltIn(var name) -> name;
            case Recipe.Template.File(var path) -> path.toString();
            case Recipe.Tokens.OfEmbedding(var tokens) -> tokens;
            case Recipe.Tokens.ByModule(var tokens) -> tokens;
            case Map<?, ?> map -> {
                Map<Object, Object> copy = new LinkedHashMap<>();
                map.forEach((key, one) -> copy.put(key, plain(one)));
                yield copy;
            }
            case Record section -> tree(section);
            case Optional<?> maybe -> maybe.map(RecipeWriter::plain).orElse(null);
            case OptionalInt maybe -> maybe.isPresent() ? maybe.getAsInt() : null;
            case OptionalDouble maybe -> maybe.isPresent() ? plain(maybe.getAsDouble()) : null;
            case Recipe.LoraInit init
            when init == Recipe.LoraInit.TRUE || init == Recipe.LoraInit.FALSE -> init == Recipe.LoraInit.TRUE;
            case Enum<?> constant -> name(constant);
            case Path path -> path.toString();
            // Double writes 2.0E-4 for 0.0002, and 16.0 for 16
            case Double number
            when number == 0 || Math.abs(number) >= 1e-5 ->
                BigDecimal.valueOf(number).stripTrailingZeros();
            default -> value;
        };
    }

    private static Object plain(Sources sources) {
        List<Object> list = sources.list().stream().map(RecipeWriter::plain).toList();
        return list.size() == 1 && list.getFirst() instanceof String path ? path : list;
    }

    private static Object plain(Source source) {
        if (source.equals(Source.of(source.path()))) {
            return source.path();
        }
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("path", source.path());
        source.weight().ifPresent(weight -> all.put("weight", plain((Object) weight)));
        if (!source.columns().isEmpty()) {
            all.put("columns", source.columns());
        }
        source.shape().ifPresent(shape -> all.put("shape", shape));
        return all;
    }
}
