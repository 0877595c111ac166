package dev.graft.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import picocli.CommandLine;

/// A command line that ran to its end, and what it printed.
record Ran(int exitCode, String out, String err) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /// Runs `graft` with these arguments; each is turned into text.
    static Ran graft(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        CommandLine commandLine =
                Main.commandLine().setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
        int exitCode = Main.run(
                commandLine, Arrays.stream(arguments).map(String::valueOf).toArray(String[]::new));
        return new Ran(exitCode, out.toString(), err.toString());
    }

    /// The same with what was said on the way, which goes past picocli, in `err` as well.
    static Ran graftTalking(Object... arguments) {
        PrintStream before = System.err;
        var said = new ByteArrayOutputStream();
        System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            Ran ran = graft(arguments);
            return new Ran(ran.exitCode, ran.out, said.toString(StandardCharsets.UTF_8) + ran.err);
        } finally {
            System.setErr(before);
        }
    }

    /// The same with something on standard input.
    static Ran graftReading(String input, Object... arguments) {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        try {
            return graft(arguments);
        } finally {
            System.setIn(before);
        }
    }

    /// Everything on standard output as one JSON object.
    JsonNode json() {
        try {
            return JSON.readTree(out);
        } catch (JsonProcessingException e) {
            throw new AssertionError("not JSON: " + out + err, e);
        }
    }
}
