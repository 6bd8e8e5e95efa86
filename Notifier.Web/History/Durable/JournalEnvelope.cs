using System.Buffers.Text;
using System.Text;
using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>
/// The line before the payload of a durable message, as notifier.lua publishes it: <c>notifier/2 epoch=… id=… prev=… mac=…</c>, or, as long as nodes of an
/// earlier version share the Redis, <c>notifier/1 epoch=… id=… prev=…</c>. Any publisher can write such a line: see <see cref="JournalMac"/>.
/// </summary>
internal readonly ref struct JournalEnvelope
{
    /// <summary>The script never writes a longer one.</summary>
    private const int MaxBytes = 192;

    private const int MaxEpochBytes = 64;

    /// <summary>Whether the line is one that can have a MAC.</summary>
    public bool IsSigned { get; private init; }

    /// <summary>The epoch's public id if the line <see cref="IsSigned"/>, else its secret.</summary>
    public ReadOnlySpan<byte> Epoch { get; private init; }

    /// <summary>The message's id.</summary>
    public long Id { get; private init; }

    /// <summary>The id of the channel's previous message; zero if Redis keeps none.</summary>
    public long Previous { get; private init; }

    /// <summary>What the MAC protects of the line itself.</summary>
    public ReadOnlySpan<byte> Signed { get; private init; }

    /// <summary>In hexadecimal digits, if it is genuine.</summary>
    public ReadOnlySpan<byte> Mac { get; private init; }

    /// <summary>In bytes, including the line break: the payload begins there.</summary>
    public int Length { get; private init; }

    /// <summary>Whether a payload may begin with a line: one comparison, because it is made for each message.</summary>
    public static bool MayBegin(in Message message) => message.BeginsWith("notifier/"u8);

    /// <returns>False if the payload does not begin with a line.</returns>
    public static bool TryParse(ReadOnlySpan<byte> payload, out JournalEnvelope envelope)
    {
        envelope = default;
        var isSigned = payload.StartsWith("notifier/2 epoch="u8);
        if (!isSigned && !payload.StartsWith("notifier/1 epoch="u8))
            return false;
        var end = payload[..Math.Min(payload.Length, MaxBytes)].IndexOf((byte)'\n');
        if (end < 0)
            return false;
        var rest = payload["notifier/2 epoch="u8.Length..end];
        if (!TryReadUntil(ref rest, " id="u8, out var epoch) || !TryReadUntil(ref rest, " prev="u8, out var id) || epoch.Length is 0 or > MaxEpochBytes)
            return false;
        var signed = end;
        if (isSigned && TryReadUntil(ref rest, " mac="u8, out var previous))
            signed = end - rest.Length - " mac="u8.Length;
        else
        {
            previous = rest;
            rest = default;
        }
        if (!IsNumber(id, out var number) || !IsNumber(previous, out var before))
            return false;
        envelope = new()
        {
            IsSigned = isSigned,
            Epoch = epoch,
            Id = number,
            Previous = before,
            Signed = payload[..signed],
            Mac = rest,
            Length = end + 1,
        };
        return true;
    }

    /// <summary>Whether the line claims to be of this epoch.</summary>
    public bool IsOf(JournalEpoch epoch) => Ascii.Equals(Epoch, IsSigned ? epoch.PublicId : epoch.Secret);

    /// <summary>Reads up to a text; nothing if the text is not there.</summary>
    private static bool TryReadUntil(scoped ref ReadOnlySpan<byte> rest, scoped ReadOnlySpan<byte> until, out ReadOnlySpan<byte> read)
    {
        var at = rest.IndexOf(until);
        read = at < 0 ? default : rest[..at];
        rest = at < 0 ? rest : rest[(at + until.Length)..];
        return at >= 0;
    }

    private static bool IsNumber(ReadOnlySpan<byte> digits, out long number) =>
        Utf8Parser.TryParse(digits, out number, out var used) && used == digits.Length && digits.Length > 0 && digits[0] is >= (byte)'0' and <= (byte)'9';
}
