using System.Text.Json.Serialization;
using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Endpoints.Http;

/// <summary>The latest position of the journal.</summary>
/// <param name="Position">Browsers can subscribe after it, on every durable channel.</param>
internal sealed record JournalHeadPosition(string Position);

/// <summary>Stored messages of a channel, as <see cref="HistoryAnswer"/> writes them.</summary>
/// <param name="Messages">In order.</param>
/// <param name="Position">The next page comes after it.</param>
/// <param name="Recovered">Whether no message after the given position is missing; absent without a position.</param>
/// <param name="HasMore">Whether there are messages after <paramref name="Position"/> now.</param>
internal sealed record HistoryPage(
    HistoryMessage[] Messages, string Position,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] bool? Recovered,
    [property: JsonPropertyName("more")] bool HasMore);

/// <summary>The messages of an answer, and how it ends.</summary>
/// <param name="Messages">In order, without gaps.</param>
/// <param name="Epoch">The journal's epoch.</param>
/// <param name="UpTo">The id of the answer's position.</param>
/// <param name="Recovered">Whether no message after the given position is missing; null without a position.</param>
/// <param name="HasMore">Whether there are messages after the position.</param>
internal sealed record HistoryMessages(Message[] Messages, JournalEpoch Epoch, long UpTo, bool? Recovered, bool HasMore)
{
    /// <summary>Bytes of payloads in an answer, which has one message at least.</summary>
    public const int MaxBytes = 256 * 1024;

    public long Bytes => Messages.Sum(static message => (long)message.Payload.Length);

    /// <summary>The first messages of a page that was read from a position. The rest is on the next page.</summary>
    public static HistoryMessages First(JournalPage page)
    {
        var count = Fitting(page.Messages);
        var isWhole = count == page.Messages.Length;
        return new(WithoutGaps(page.Messages.Take(count)), page.Epoch, isWhole ? page.UpTo : page.Messages[count - 1].JournalId, page.IsWhole, !isWhole || !page.IsLast);
    }

    /// <summary>The last messages of a page that was read without a position, or without a usable one.</summary>
    public static HistoryMessages Last(JournalPage page, bool? recovered) => new(
        WithoutGaps(page.Messages.TakeLast(Fitting(Enumerable.Reverse(page.Messages)))), page.Epoch, page.UpTo, recovered, !page.IsLast);

    private static int Fitting(IEnumerable<Message> messages)
    {
        var (count, bytes) = (0, 0L);
        foreach (var message in messages)
        {
            bytes += message.Payload.Length;
            if (bytes > MaxBytes && count > 0)
                break;
            count++;
        }
        return count;
    }

    private static Message[] WithoutGaps(IEnumerable<Message> messages) => [.. messages.Where(static message => message.Gap == GapCode.None)];
}

/// <summary>A stored message.</summary>
/// <param name="Data">The payload, if it is text.</param>
/// <param name="Base64">The payload, if it is not text.</param>
/// <param name="At">When it was published, by Redis' clock.</param>
/// <param name="Position">Its position.</param>
internal sealed record HistoryMessage(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Data,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Base64,
    DateTimeOffset At, string Position);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HistoryPage))]
[JsonSerializable(typeof(JournalHeadPosition))]
internal sealed partial class HistoryJson : JsonSerializerContext;
