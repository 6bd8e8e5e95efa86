using System.Buffers.Text;
using System.Text;

namespace Notifier.History.Durable;

/// <summary>
/// The line before the payload of a durable message, as notifier.lua publishes it:
/// <c>notifier/1 epoch=… id=… prev=…</c>. Any publisher can write such a line. The envelope is genuine if its epoch is the journal's.
/// </summary>
/// <param name="Epoch">A secret of the journal.</param>
/// <param name="Id">The message's id.</param>
/// <param name="Previous">The id of the channel's previous message; zero if Redis keeps none.</param>
/// <param name="Length">In bytes, including the line break: the payload begins there.</param>
internal readonly record struct JournalEnvelope(string Epoch, long Id, long Previous, int Length)
{
    /// <summary>The script never writes a longer one.</summary>
    public const int MaxBytes = 160;

    private const int MaxEpochBytes = 64;

    /// <returns>Null if the payload does not begin with an envelope.</returns>
    public static JournalEnvelope? Parse(ReadOnlySpan<byte> payload)
    {
        if (!payload.StartsWith("notifier/1 epoch="u8))
            return null;
        var line = payload[..Math.Min(payload.Length, MaxBytes)];
        var end = line.IndexOf((byte)'\n');
        var rest = line["notifier/1 epoch="u8.Length..Math.Max(end, "notifier/1 epoch="u8.Length)];
        return TryReadUntil(ref rest, " id="u8, out var epoch) && TryReadUntil(ref rest, " prev="u8, out var id)
            && epoch.Length is > 0 and <= MaxEpochBytes && IsNumber(id, out var number) && IsNumber(rest, out var previous)
                ? new(Encoding.Latin1.GetString(epoch), number, previous, end + 1)
                : null;
    }

    private static bool TryReadUntil(ref ReadOnlySpan<byte> rest, ReadOnlySpan<byte> until, out ReadOnlySpan<byte> read)
    {
        var at = rest.IndexOf(until);
        read = at < 0 ? default : rest[..at];
        rest = at < 0 ? default : rest[(at + until.Length)..];
        return at >= 0;
    }

    private static bool IsNumber(ReadOnlySpan<byte> digits, out long number) =>
        Utf8Parser.TryParse(digits, out number, out var used) && used == digits.Length && digits.Length > 0 && digits[0] is >= (byte)'0' and <= (byte)'9';
}
