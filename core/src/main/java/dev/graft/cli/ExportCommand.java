package dev.graft.cli;

import dev.graft.export.GgufAdapter;
import dev.graft.export.GgufExport;
import dev.graft.format.AdapterWeights;
import dev.graft.format.GgufType;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/// `graft export`.
@Command(
        name = "export",
        mixinStandardHelpOptions = true,
        header = "Writes a model or an adapter as a GGUF file for llama.cpp.",
        description = {
            "%nA model's file holds its weights, settings, tokenizer and chat template. An adapter's file is used beside"
                    + " the exported base: llama-cli -m model.gguf --lora adapter.gguf. What llama.cpp cannot run as"
                    + " the model was trained is refused."
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft export merged --output model.gguf --type q8_0",
            "  graft export runs/mine/adapter --base models/qwen --output adapter.gguf"
        })
final class ExportCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "PATH",
            description = "A model (folder, .gguf or llama2.c .bin file), or with --base the folder of an adapter.")
    private Path path;

    @Option(names = "--output", required = true, paramLabel = "FILE", description = "GGUF file to write.")
    private Path output;

    @Option(names = "--overwrite", description = "Replace the output file if it exists.")
    private boolean overwrite;

    @Option(
            names = {"--base", "--model"},
            paramLabel = "MODEL",
            description = "The model that the adapter PATH belongs to.")
    private Path base;

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            converter = Type.class,
            description =
                    "Type of the weights: f32, f16, bf16, q8_0 or q4_0 (default: f16; of an adapter f32, or f16).")
    private GgufExport.Type type;

    /// Writes the types as llama.cpp's tools do: in lower case.
    static final class Type implements ITypeConverter<GgufExport.Type> {
        @Override
        public GgufExport.Type convert(String text) {
            List<String> names = Arrays.stream(GgufExport.Type.values())
                    .map(type -> type.name().toLowerCase(Locale.ROOT))
                    .toList();
            int index = names.indexOf(text);
            if (index < 0) {
                throw new TypeConversionException("\"%s\" is not one of %s".formatted(text, String.join(", ", names)));
            }
            return GgufExport.Type.values()[index];
        }
    }

    @Override
    public Integer call() {
        OutputOptions.require("--output", output, overwrite);
        PrintWriter out = spec.commandLine().getOut();
        out.println(base == null ? model() : adapter());
        out.flush();
        return 0;
    }

    private String model() {
        if (AdapterWeights.isFolder(path)) {
            throw new ParameterException(
                    spec.commandLine(), "%s is an adapter; name its base model with --base".formatted(path));
        }
        GgufExport.Type chosen = type == null ? GgufExport.Type.F16 : type;
        Tally tally = Tally.of("exporting", "tensors");
        GgufExport.Report report = GgufExport.run(path, output, chosen, tally);
        tally.clear();
        return "%s: %s in %s, %s"
                .formatted(
                        output,
                        Facts.count(report.elements(), "parameter"),
                        Facts.count(report.tensors(), "tensor"),
                        chosen.name().toLowerCase(Locale.ROOT));
    }

    private String adapter() {
        GgufType chosen = switch (type) {
            case null -> GgufType.F32;
            case F32 -> GgufType.F32;
            case F16 -> GgufType.F16;
            default -> throw new ParameterException(spec.commandLine(), "an adapter is written as f32 or f16");
        };
        GgufAdapter.Report report = GgufAdapter.run(path, base, output, chosen);
        return "%s: %s, alpha %s"
                .formatted(output, Facts.count(report.layers(), "layer"), RunSummary.number(report.alpha()));
    }
}
