package dev.graft.cli;

import dev.graft.quant.AffineInt8;
import dev.graft.quant.Calibration;
import dev.graft.quant.Fp4;
import dev.graft.quant.Int4;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantFormat;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/// What `graft quantize` packs numbers in. A command takes it as a `@Mixin`.
@HelpGroup("Format")
final class FormatOptions {
    private static final int BLOCK = 64;

    @Option(
            names = "--format",
            required = true,
            paramLabel = "F",
            description =
                    "nf4, fp4 or int8 (LLM.int8()), which Transformers loads with bitsandbytes; int8-affine (scale"
                            + " and zero point, for small devices) or int4 (for comparison), which Graft reads.")
    private String format;

    @Option(
            names = "--block-size",
            paramLabel = "N",
            description = "Weights that share a scale, of nf4, fp4 and int4: 32 to 4096, a power of two (default: 64).")
    private Integer block;

    @Option(names = "--double-quant", description = "Keep the scales of nf4 and fp4 in 8 bits too.")
    private boolean doubleQuant;

    @Option(names = "--per-tensor", description = "int8-affine: one scale for a weight instead of one for each row.")
    private boolean perTensor;

    @Option(names = "--symmetric", description = "int8-affine: zero points at 0.")
    private boolean symmetric;

    @Option(
            names = "--calibrate",
            paramLabel = "HOW",
            description = "int8-affine: how ranges are chosen, min-max, percentile, mse or entropy (default: min-max).")
    private String calibrate;

    @Option(
            names = "--percentile",
            paramLabel = "P",
            description = "Share of the numbers inside the range of --calibrate percentile (default: "
                    + Calibration.Percentile.USUAL + ").")
    private Double percentile;

    boolean isAffine() {
        return format.equals("int8-affine");
    }

    /// The format, once all options are ones that it has.
    QuantFormat format(CommandLine command) {
        boolean blocks = format.equals("nf4") || format.equals("fp4") || format.equals("int4");
        require(command, block == null || blocks, "--block-size means nothing to --format %s".formatted(format));
        require(
                command,
                !doubleQuant || blocks && !format.equals("int4"),
                "--double-quant means nothing to --format %s".formatted(format));
        for (Object given : new Object[] {
            perTensor ? "--per-tensor" : null,
            symmetric ? "--symmetric" : null,
            calibrate == null ? null : "--calibrate",
            percentile == null ? null : "--percentile"
        }) {
            require(
                    command,
                    given == null || isAffine(),
                    "%s is for --format int8-affine, and means nothing to %s".formatted(given, format));
        }
        require(
                command,
                percentile == null || "percentile".equals(calibrate),
                "--percentile goes with --calibrate percentile");
        try {
            return made(command);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command, e.getMessage(), e);
        }
    }

    private QuantFormat made(CommandLine command) {
        int size = block == null ? BLOCK : block;
        return switch (format) {
            case "nf4" -> new Nf4(size, doubleQuant);
            case "fp4" -> new Fp4(size, doubleQuant);
            case "int4" -> new Int4(size);
            case "int8" -> new Int8Rows();
            case "int8-affine" ->
                new AffineInt8(
                        !perTensor,
                        symmetric,
                        Calibration.named(
                                calibrate == null ? "min-max" : calibrate,
                                percentile == null ? Calibration.Percentile.USUAL : percentile));
            default ->
                throw new ParameterException(
                        command,
                        "--format: \"%s\" is not one of nf4 | fp4 | int8 | int8-affine | int4".formatted(format));
        };
    }

    private static void require(CommandLine command, boolean fine, String otherwise) {
        if (!fine) {
            throw new ParameterException(command, otherwise);
        }
    }

    /// Name and settings in a few words.
    String described() {
        StringBuilder text = new StringBuilder(format);
        if (!format.startsWith("int8")) {
            text.append(", blocks of ").append(block == null ? BLOCK : block);
        }
        if (doubleQuant) {
            text.append(", double quantisation");
        }
        if (isAffine()) {
            text.append(perTensor ? ", one scale a tensor, " : ", one scale a row, ");
            text.append(calibrate == null ? "min-max" : calibrate);
            text.append(symmetric ? ", symmetric" : "");
        }
        return text.toString();
    }
}
