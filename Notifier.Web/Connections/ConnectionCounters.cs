using System.Globalization;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>The totals of this node's connections, including those that have ended. Thread-safe.</summary>
/// <remarks>
/// Each connection counts without a lock what it was sent. The difference is added here when the totals are read, and when the connection
/// ends. So a delivery costs two additions, and no total ever falls.
/// </remarks>
internal sealed class ConnectionCounters
{
    /// <summary>A code that is not in <see cref="Codes"/>: clients may close with 2,000 others. The word is OpenTelemetry's.</summary>
    private const string OtherCode = "_OTHER";

    /// <summary>The connection ended without a close frame, which a browser reports as 1006.</summary>
    private const string NoClose = "1006";

    /// <summary>A close frame without a code (RFC 6455, 7.1.5).</summary>
    private const string NoCode = "1005";

    /// <summary>Every <see cref="CloseCode"/> of Notifier, and the codes that clients and .NET send most.</summary>
    public static readonly string[] Codes =
    [
        "1000", "1001", "1002", .. Enum.GetValues<CloseCode>().Select(static code => Text((ushort)code)), NoCode, NoClose, OtherCode,
    ];

    private readonly Lock gate = new();
    private readonly int[] open = new int[Transports.Names.Length];
    private readonly long[] opened = new long[Transports.Names.Length];
    private readonly SentTotals[] sent = new SentTotals[Transports.Names.Length];
    private readonly long[] closes = new long[Codes.Length];

    public int[] Open => Copy(open);

    public long[] Opened => Copy(opened);

    /// <summary>How many connections have ended, for each of <see cref="Codes"/>.</summary>
    public long[] Closes => Copy(closes);

    /// <summary>What connections were sent, as of the last <see cref="Count"/> of each.</summary>
    public SentTotals[] Sent => Copy(sent);

    public void Add(TransportKind transport)
    {
        lock (gate)
        {
            open[(int)transport]++;
            opened[(int)transport]++;
        }
    }

    /// <summary>A connection has ended.</summary>
    public void Remove(TransportKind transport, CloseReason? reason)
    {
        lock (gate)
        {
            open[(int)transport]--;
            closes[CodeFor(reason)]++;
        }
    }

    /// <summary>Adds what a connection was sent since it was last counted.</summary>
    /// <param name="transport">The connection's transport.</param>
    /// <param name="latest">What the connection was sent in all.</param>
    /// <param name="counted">How much of that was already added. Changed under the lock.</param>
    public void Count(TransportKind transport, SentTotals latest, ref SentTotals counted)
    {
        lock (gate)
        {
            // Another thread may have counted later figures meanwhile.
            latest = new(Math.Max(latest.Messages, counted.Messages), Math.Max(latest.Bytes, counted.Bytes));
            ref var sum = ref sent[(int)transport];
            sum = new(sum.Messages + latest.Messages - counted.Messages, sum.Bytes + latest.Bytes - counted.Bytes);
            counted = latest;
        }
    }

    private static int CodeFor(CloseReason? reason) => reason switch
    {
        null => Array.IndexOf(Codes, NoClose),
        { Code: null } => Array.IndexOf(Codes, NoCode),
        { Code: { } code } => Array.IndexOf(Codes, Text(code)) is >= 0 and var at ? at : Codes.Length - 1,
    };

    private static string Text(ushort code) => code.ToString(CultureInfo.InvariantCulture);

    private T[] Copy<T>(T[] values)
    {
        lock (gate)
            return [.. values];
    }
}
