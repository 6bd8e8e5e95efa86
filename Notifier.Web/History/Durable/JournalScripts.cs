using StackExchange.Redis;

namespace Notifier.History.Durable;

/// <summary>The scripts that Redis runs for the journal, each atomically.</summary>
internal static class JournalScripts
{
    /// <summary>The one key that each script receives; it derives the others, which are in the same slot.</summary>
    public static RedisKey State { get; } = "{notifier}:journal";

    /// <summary>The journal's field <c>lines</c>, if notifier.lua writes lines with a MAC.</summary>
    public const string SignedLines = "2";

    /// <summary>In the error of <see cref="Publish"/> if there is no journal.</summary>
    public const string NoJournal = "NOJOURNAL";

    /// <summary>Publishes a durable message. Backends may run it too.</summary>
    public static string Publish { get; } = Read("notifier.lua");

    /// <summary>Reads the end of the journal.</summary>
    public static string Head { get; } = Read("head.lua");

    /// <summary>Reads messages of some channels.</summary>
    public static string Messages { get; } = Read("read.lua");

    private static string Read(string name)
    {
        using var reader = new StreamReader(typeof(JournalScripts).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
