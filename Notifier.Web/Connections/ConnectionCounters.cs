using System.Globalization;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>What the connections of this node add up to, those included that have ended. Thread-safe.</summary>
/// <remarks>
/// Each connection counts for itself what it is sent, without a lock; what is new of it is added here when somebody looks, and when it ends. So a
/// delivery costs two additions, and no sum ever falls.
/// </remarks>
internal sealed class ConnectionCounters
{
    /// <summary>For a code that is none of ours: clients may close with 2,000 of their own. OpenTelemetry's word for that.</summary>
    private const string OtherCode = "_OTHER";

    /// <summary>It ended without a close frame, which a browser calls 1006.</summary>
    private const string NoClose = "1006";

    /// <summary>A close frame without a code, by RFC 6455.</summary>
    private const string NoCode = "1005";

    public static readonly string[] Codes =
    [
        .. new ushort[]
        {
            1000, 1001, 1002, CloseCodes.Malformed, CloseCodes.Unauthorized, CloseCodes.NotAllowed, CloseCodes.FrameTooBig, CloseCodes.Internal,
            CloseCodes.Overloaded, CloseCodes.NoToken, CloseCodes.TooSlow, CloseCodes.TooManyCommands, CloseCodes.GoingAway,
        }.Select(Text),
        NoCode, NoClose, OtherCode,
    ];

    private readonly Lock gate = new();
    private readonly int[] open = new int[Transports.Names.Length];
    private readonly long[] opened = new long[Transports.Names.Length];
    private readonly Sent[] sent = new Sent[Transports.Names.Length];
    private readonly long[] closes = new long[Codes.Length];

    public int[] Open => Copy(open);

    public long[] Opened => Copy(opened);

    /// <summary>How many have ended, for each of <see cref="Codes"/>.</summary>
    public long[] Closes => Copy(closes);

    /// <summary>What was sent, as of the last <see cref="Count"/>.</summary>
    public Sent[] Sent => Copy(sent);

    public void Add(Connection connection)
    {
        lock (gate)
        {
            open[(int)connection.TransportKind]++;
            opened[(int)connection.TransportKind]++;
        }
    }

    /// <summary>It has ended: nothing is written to it any more.</summary>
    public void Remove(Connection connection)
    {
        Count(connection);
        lock (gate)
        {
            open[(int)connection.TransportKind]--;
            closes[CodeFor(connection.CloseAsked)]++;
        }
    }

    /// <summary>Adds what is new of it; twice is no matter.</summary>
    public void Count(Connection connection)
    {
        lock (gate)
        {
            var (now, before) = (connection.Sent, connection.Counted);
            ref var sum = ref sent[(int)connection.TransportKind];
            sum = new(sum.Messages + now.Messages - before.Messages, sum.Bytes + now.Bytes - before.Bytes);
            connection.Counted = now;
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
