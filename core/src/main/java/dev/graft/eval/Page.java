package dev.graft.eval;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/// The frame of every page: style and script inside, so that the file needs nothing else. XHTML as well
/// as HTML.
final class Page {
    private Page() {}

    /// @param body what stands between the frame's header and footer, already escaped
    static String of(String title, String body) {
        return """
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <title>%s</title>
                <style>
                %s</style>
                </head>
                <body>
                <main>
                """.formatted(Html.escaped(title), resource("report.css")) + body + """
                <footer>Written by Graft.</footer>
                </main>
                <script>
                %s</script>
                </body>
                </html>
                """.formatted(resource("report.js"));
    }

    private static String resource(String name) {
        try (InputStream stored = Page.class.getResourceAsStream(name)) {
            if (stored == null) {
                throw new IllegalStateException(
                        "the resource dev/graft/eval/%s is missing; build Graft again".formatted(name));
            }
            return new String(stored.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException failed) {
            throw new UncheckedIOException("resource dev/graft/eval/%s cannot be read".formatted(name), failed);
        }
    }
}
