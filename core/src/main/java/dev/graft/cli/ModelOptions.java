package dev.graft.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.TypeConversionException;

/// The model a command works on: `MODEL [--adapter DIR] [--dtype D]`. A command takes it as a `@Mixin`.
@HelpGroup("Model")
final class ModelOptions {
    @Parameters(
            index = "0",
            paramLabel = "MODEL",
            description = "The model: a folder with config.json, tokenizer.json and *.safetensors, a .gguf file, or a"
                    + " llama2.c .bin file.")
    private Path model;

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description = "Folder of an adapter to put on it: adapter_config.json, adapter_model.safetensors.")
    private Path adapter;

    @Option(
            names = "--force",
            description = "Use the adapter although it was trained on other weights, or with another tokenizer or chat"
                    + " template, than this model has.")
    private boolean force;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            defaultValue = "auto",
            converter = Dtype.class,
            description =
                    "Type to compute in: auto, float32 or bfloat16 (default: ${DEFAULT-VALUE}, the fastest here).")
    private Recipe.Precision dtype;

    @Option(
            names = "--int8-head",
            description = "Keep the output head in 8 bits, which writes tokens faster and costs a little accuracy.")
    private boolean int8Head;

    @Mixin
    private QuantizationOptions quantization = new QuantizationOptions();

    /// Writes the types as a recipe does: in lower case.
    static final class Dtype implements ITypeConverter<Recipe.Precision> {
        @Override
        public Recipe.Precision convert(String text) {
            return Arrays.stream(Recipe.Precision.values())
                    .filter(precision -> RecipeWriter.name(precision).equals(text))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException(
                            "\"%s\" is not one of %s".formatted(text, RecipeKey.choices(Recipe.Precision.class))));
        }
    }

    Path model() {
        return model;
    }

    Optional<Path> adapter() {
        return Optional.ofNullable(adapter);
    }

    boolean force() {
        return force;
    }

    Recipe.Precision dtype() {
        return dtype;
    }

    boolean int8Head() {
        return int8Head;
    }

    Quantization quantization() {
        return quantization.quantization();
    }
}
