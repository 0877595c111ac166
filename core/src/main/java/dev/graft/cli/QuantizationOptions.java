package dev.graft.cli;

import dev.graft.quant.Int8Rows;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// `--load-in-4bit` and its like: the keys of a recipe's `quantization` as options. A command takes them as a
/// `@Mixin`.
@HelpGroup("Linear layers in 4 or 8 bits, packed while the model is loaded")
final class QuantizationOptions {
    @Option(names = "--load-in-4bit", description = "Keep linear layers in 4 bits.")
    private boolean loadIn4bit;

    @Option(names = "--load-in-8bit", description = "Keep linear layers in 8 bits (LLM.int8()).")
    private boolean loadIn8bit;

    @Option(
            names = "--bnb-4bit-quant-type",
            paramLabel = "TYPE",
            defaultValue = "fp4",
            converter = FourBits.class,
            description = "4-bit format: nf4 or fp4 (default: ${DEFAULT-VALUE}, as in Transformers; nf4 loses less).")
    private Quantization.FourBits type;

    @Option(names = "--bnb-4bit-use-double-quant", description = "Keep the scales of 4-bit blocks in 8 bits too.")
    private boolean doubleQuant;

    @Option(
            names = "--bnb-4bit-compute-dtype",
            paramLabel = "TYPE",
            defaultValue = "auto",
            converter = ModelOptions.Dtype.class,
            description = "Type 4-bit layers multiply in (default: ${DEFAULT-VALUE}, that of --dtype).")
    private Recipe.Precision computeDtype;

    @Option(
            names = "--llm-int8-threshold",
            paramLabel = "X",
            defaultValue = "" + Int8Rows.DEFAULT_THRESHOLD,
            description =
                    "Inputs of this magnitude are multiplied apart from 8-bit products (default: ${DEFAULT-VALUE}).")
    private double threshold;

    @Option(
            names = "--llm-int8-skip-modules",
            paramLabel = "NAME",
            split = ",",
            description = "Modules left as they are, in 4 bits too (default: the output head).")
    private List<String> skipModules = List.of();

    /// Writes formats in lower case.
    static final class FourBits implements ITypeConverter<Quantization.FourBits> {
        @Override
        public Quantization.FourBits convert(String text) {
            return Arrays.stream(Quantization.FourBits.values())
                    .filter(type -> RecipeWriter.name(type).equals(text))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException(
                            "\"%s\" is not one of %s".formatted(text, RecipeKey.choices(Quantization.FourBits.class))));
        }
    }

    Quantization quantization() {
        return new Quantization(
                loadIn4bit,
                loadIn8bit,
                type,
                doubleQuant,
                computeDtype,
                Quantization.Storage.UINT8,
                threshold,
                skipModules);
    }
}
