package dev.graft.cli;

/// Entry point of the `graft` command.
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        System.out.println("graft");
    }
}
