package dev.graft.cli;

import dev.graft.format.Json;
import java.io.PrintWriter;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `graft inspect`: what a file or folder is.
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        header = "Says what a model, adapter, checkpoint, run, tokenizer, .safetensors or .gguf file is.",
        description = {
            "%nShows settings, sizes and tensors. Nothing but the headers of weight files is read, so it takes no time"
                    + " and no memory, and it describes models that Graft does not run, too. Tensors whose names differ"
                    + " in a layer's number share a line:",
            "  model.layers.{0…23}.self_attn.q_proj.weight  24 × BF16 [896, 896]  36.8 MB%n"
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft inspect models/qwen",
            "  graft inspect runs/mine",
            "  graft inspect runs/mine/adapter --json",
            "  graft inspect model-00001-of-00002.safetensors",
            "  graft inspect model-Q4_K_M.gguf",
            "  graft inspect tokenizer.json"
        })
final class InspectCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "PATH", description = "What to describe.")
    private Path path;

    @Option(names = "--json", description = "Print one JSON object, with every tensor by itself.")
    private boolean json;

    @Override
    public void run() {
        Inspection found = Inspections.of(path);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.pretty(found.json()));
        } else {
            Console console = Console.stdout();
            found.print(out, console.style(), console.isTerminal() ? console.width() : Integer.MAX_VALUE);
        }
        out.flush();
    }
}
