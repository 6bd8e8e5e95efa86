namespace Notifier.Tests.Abuse;

/// <summary>Collects what an attack may cost and what it did cost. Faults/table.sh puts the rows into the table of docs/security.md.</summary>
internal static class AbuseTable
{
    /// <summary>The heading above the table.</summary>
    private const string Chapter = "What a visitor may cost";

    private static readonly Lock Writing = new();

    /// <param name="attack">What the visitor sends, or leaves unread.</param>
    /// <param name="limit">What it may cost at most: bytes, processor time, or delay of others.</param>
    /// <param name="measured">What it did cost.</param>
    public static void Add(string attack, string limit, string measured)
    {
        var file = Environment.GetEnvironmentVariable("NOTIFIER_ABUSE_ROWS") ?? Path.Combine(AppContext.BaseDirectory, "abuse.tsv");
        lock (Writing)
            File.AppendAllText(file, $"{Chapter}\t| {attack} | {limit} | {measured} |\n");
    }
}
