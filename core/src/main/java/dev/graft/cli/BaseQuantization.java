package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.model.Architectures;
import dev.graft.model.ModelSource;
import dev.graft.quant.BitsAndBytesConfig;
import dev.graft.quant.Fp4;
import dev.graft.quant.Int4;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantFormat;
import dev.graft.quant.Quantised;
import dev.graft.tensor.Packed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;

/// How the linear layers of a base are packed, in words that are equal when what is unpacked is:
/// `nf4, blocks of 64, double quantisation`. Whether they were packed in a file or while loading makes
/// no difference.
final class BaseQuantization {
    /// Of a base that is used in floating point.
    static final String NONE = "not quantised";

    private BaseQuantization() {}

    /// @param loading what is done while it is loaded
    static String of(Path model, Quantization loading) {
        if (loading.isOn()) {
            return words(loading.format().orElseThrow(), loading.llmInt8SkipModules(), 0);
        }
        try (ModelSource source = ModelSource.open(model)) {
            JsonNode settings = source.config().json().path("quantization_config");
            return settings.isObject() ? ofFiles(source, settings) : NONE;
        }
    }

    private static String ofFiles(ModelSource source, JsonNode settings) {
        List<String> skipped = new ArrayList<>();
        for (String key : List.of("llm_int8_skip_modules", "skip_modules")) {
            StreamSupport.stream(settings.path(key).spliterator(), false).forEach(one -> skipped.add(one.asText()));
        }
        Optional<QuantFormat> format = Optional.empty();
        int left = 0;
        for (String layer : Architectures.of(source.config()).linearLayers(source.config())) {
            try (Packed packed = source.packed(layer + ".weight").orElse(null)) {
                if (packed instanceof Quantised quantised) {
                    format = Optional.of(quantised.format());
                } else if (skipped.stream().noneMatch(key -> BitsAndBytesConfig.matches(key, layer))) {
                    left++;
                }
            }
        }
        int others = left;
        return format.map(found -> words(found, skipped, others)).orElse(NONE);
    }

    private static String words(QuantFormat format, List<String> skipped, int left) {
        List<String> words = new ArrayList<>();
        words.add(format.name());
        switch (format) {
            case Nf4(int block, boolean nested) -> blocks(words, block, nested);
            case Fp4(int block, boolean nested) -> blocks(words, block, nested);
            case Int4(int block) -> blocks(words, block, false);
            default -> {}
        }
        if (!skipped.isEmpty()) {
            words.add(
                    "without " + String.join(" and ", skipped.stream().sorted().toList()));
        }
        if (left > 0) {
            words.add(Facts.count(left, "layer") + " as they are");
        }
        return String.join(", ", words);
    }

    private static void blocks(List<String> words, int block, boolean nested) {
        words.add("blocks of " + block);
        if (nested) {
            words.add("double quantisation");
        }
    }
}
