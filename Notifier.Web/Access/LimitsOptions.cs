namespace Notifier.Access;

/// <summary><c>Limits</c>: what one client, and all of them, may ask of a node.</summary>
public sealed class LimitsOptions
{
    /// <summary>Names that one connection may hold, patterns included. 1 to 10,000; default 128.</summary>
    public int NamesPerConnection { get; set; } = 128;

    /// <summary>Patterns that one connection may hold: each makes every PUBLISH on the Redis slower. 0 to 10,000; default 16.</summary>
    public int PatternsPerConnection { get; set; } = 16;

    /// <summary>Bytes of a channel's name. 1 to 4,096; default 255.</summary>
    public int NameBytes { get; set; } = 255;

    /// <summary>Bytes of a pattern. 1 to 4,096; default 128.</summary>
    public int PatternBytes { get; set; } = 128;

    /// <summary>
    /// <c>*</c> in a pattern. Redis' matcher tries each against the rest of the channel, so that a pattern of many makes every PUBLISH
    /// slow. 0 to 16; default 4.
    /// </summary>
    public int PatternStars { get; set; } = 4;

    /// <summary>
    /// Bytes of a message from a client, over all its fragments, each of which counts as one more. 128 to 1 MiB; default
    /// 8 KiB.
    /// </summary>
    public int FrameBytes { get; set; } = 8 * 1024;

    /// <summary>Bytes of a payload; a larger PUBLISH is not delivered, and becomes a gap. 1 to 64 MiB; default 512 KiB.</summary>
    public int PayloadBytes { get; set; } = 512 * 1024;
}
