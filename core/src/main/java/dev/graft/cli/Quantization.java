package dev.graft.cli;

import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.nn.LinearFactory;
import dev.graft.quant.Fp4;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantFormat;
import dev.graft.quant.QuantisedLinears;
import dev.graft.quant.QuantizationConfig;
import dev.graft.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// How linear layers are kept in memory: as they are, or packed while they are loaded. Names are those of
/// Transformers' `BitsAndBytesConfig`, and so are the defaults, but for the computing type.
public record Quantization(
        @Key(or = "false", name = "load_in_4bit", help = "keep linear layers in 4 bits")
        boolean loadIn4bit,

        @Key(or = "false", name = "load_in_8bit", help = "keep linear layers in 8 bits (LLM.int8())")
        boolean loadIn8bit,

        @Key(or = "fp4", name = "bnb_4bit_quant_type", help = "4-bit format; nf4 loses less")
        FourBits bnb4bitQuantType,

        @Key(or = "false", name = "bnb_4bit_use_double_quant", help = "keep the scales of 4-bit blocks in 8 bits too")
        boolean bnb4bitUseDoubleQuant,

        @Key(
                or = "auto",
                name = "bnb_4bit_compute_dtype",
                help = "type 4-bit layers multiply in; auto is that of the other layers")
        Recipe.Precision bnb4bitComputeDtype,

        @Key(or = "uint8", name = "bnb_4bit_quant_storage", help = "type that holds 4-bit codes")
        Storage bnb4bitQuantStorage,

        @Key(
                or = "6.0",
                name = "llm_int8_threshold",
                help = "inputs of this magnitude are multiplied apart from 8-bit products; 0 for none")
        double llmInt8Threshold,

        @Key(
                or = "[]",
                name = "llm_int8_skip_modules",
                help = "modules left as they are, in 4 bits too; without any, the output head")
        List<String> llmInt8SkipModules) {

    public enum FourBits {
        FP4,
        NF4
    }

    public enum Storage {
        UINT8
    }

    public Quantization {
        llmInt8SkipModules = List.copyOf(llmInt8SkipModules);
        if (loadIn4bit && loadIn8bit) {
            throw new IllegalArgumentException(
                    "quantization.load_in_4bit and quantization.load_in_8bit are both true; they exclude each other, so set one of them");
        }
        boolean fourBitSettings = bnb4bitQuantType != FourBits.FP4
                || bnb4bitUseDoubleQuant
                || bnb4bitComputeDtype != Recipe.Precision.AUTO;
        if (fourBitSettings && !loadIn4bit) {
            throw new IllegalArgumentException(
                    "quantization has settings for 4 bits (bnb_4bit_…), but load_in_4bit is false; set it to true, or leave them out");
        }
        if (llmInt8Threshold != Int8Rows.DEFAULT_THRESHOLD && !loadIn8bit) {
            throw new IllegalArgumentException(
                    "quantization.llm_int8_threshold is %s, but load_in_8bit is false; set it to true, or leave the threshold out"
                            .formatted(llmInt8Threshold));
        }
        if (!(llmInt8Threshold >= 0 && llmInt8Threshold < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "quantization.llm_int8_threshold is %s; it must be 0 or more".formatted(llmInt8Threshold));
        }
        if (!llmInt8SkipModules.isEmpty() && !loadIn4bit && !loadIn8bit) {
            throw new IllegalArgumentException(
                    "quantization.llm_int8_skip_modules names modules, but neither load_in_4bit nor load_in_8bit is true");
        }
    }

    /// Layers as they are.
    static Quantization none() {
        return new Quantization(
                false,
                false,
                FourBits.FP4,
                false,
                Recipe.Precision.AUTO,
                Storage.UINT8,
                Int8Rows.DEFAULT_THRESHOLD,
                List.of());
    }

    boolean isOn() {
        return loadIn4bit || loadIn8bit;
    }

    /// The format; empty when layers stay as they are.
    Optional<QuantFormat> format() {
        if (loadIn8bit) {
            return Optional.of(new Int8Rows(llmInt8Threshold));
        }
        if (!loadIn4bit) {
            return Optional.empty();
        }
        return Optional.of(
                bnb4bitQuantType == FourBits.NF4 ? new Nf4(bnb4bitUseDoubleQuant) : new Fp4(bnb4bitUseDoubleQuant));
    }

    /// Frozen layers of a model, packed where this says so.
    ///
    /// @throws FormatException when the model is packed already
    LinearFactory frozen(Path model) {
        LinearFactory frozen = LinearFactory.frozen();
        if (!isOn()) {
            return frozen;
        }
        requirePlain(model);
        Optional<List<String>> skipped = Optional.of(llmInt8SkipModules).filter(names -> !names.isEmpty());
        Optional<DType> products = Precisions.toSave(bnb4bitComputeDtype);
        return new QuantisedLinears(frozen, format().orElseThrow(), skipped, products);
    }

    private static void requirePlain(Path model) {
        Path config = model.resolve("config.json");
        if (Files.isRegularFile(config)
                && Json.readObject(config, "the model's configuration").hasNonNull(QuantizationConfig.KEY)) {
            throw new FormatException(
                    model,
                    "its weights are quantised already",
                    "a model in floating point to quantise",
                    "Leave load_in_4bit and load_in_8bit out; the model is used as it is stored.");
        }
    }

    /// A few words on it, such as `nf4, double quantisation`.
    Optional<String> described() {
        return format().map(format -> format.name() + (bnb4bitUseDoubleQuant ? " with double quantisation" : ""));
    }
}
