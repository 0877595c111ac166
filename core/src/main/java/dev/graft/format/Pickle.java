package dev.graft.format;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// PyTorch's own files, which Graft recognises and does not read: to load one is to run the program in it.
public final class Pickle {
    private static final String NAMES = "(pytorch_model|adapter_model)[^/]*\\.bin|[^/]*\\.(pt|pth|ckpt|pkl|pickle)";

    private Pickle() {}

    /// Whether a file is called as these are, or begins as they do.
    public static boolean isOne(Path file) {
        return file.getFileName().toString().matches(NAMES) || Files.isRegularFile(file) && beginsSo(start(file));
    }

    /// Whether bytes are the beginning of a zip archive, which `torch.save` writes, or of a bare pickle,
    /// which it wrote before.
    static boolean beginsSo(byte[] start) {
        if (start.length < 4) {
            return false;
        }
        boolean zip = start[0] == 'P' && start[1] == 'K' && start[2] == 3 && start[3] == 4;
        // a zero in third place: a number, such as the 640 that a checkpoint of llama2.c may begin with
        boolean bare = start[0] == (byte) 0x80 && start[1] >= 2 && start[1] <= 5 && start[2] != 0;
        return zip || bare;
    }

    private static byte[] start(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(4);
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be read (%s)".formatted(file, e), e);
        }
    }

    /// Why it stays closed, and how to turn it into what can be read.
    public static FormatException refusal(Path file) {
        return new FormatException(file, "this is a pickle file of PyTorch", "safetensors", advice(file));
    }

    /// @param file an example of those that are there
    static String advice(Path file) {
        String name = file.getFileName().toString();
        String target = name.startsWith("adapter_model")
                ? "adapter_model.safetensors"
                : name.startsWith("pytorch_model")
                        ? name.replaceFirst("^pytorch_model", "model").replaceFirst("\\.bin$", ".safetensors")
                        : name.replaceFirst("\\.[^.]*$", "") + ".safetensors";
        return """
                Pickle files run whatever code their author put there when they are loaded, so Graft does not read \
                them. Where you trust it, convert it once in Python:
                  import torch, safetensors.torch as s
                  s.save_file({k: v.contiguous().clone() for k, v in \
                torch.load("%s", weights_only=True).items()}, "%s", {"format": "pt"})""".formatted(name, target);
    }
}
