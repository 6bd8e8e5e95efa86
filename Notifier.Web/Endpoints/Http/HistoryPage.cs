using System.Text;
using System.Text.Json.Serialization;
using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Endpoints.Http;

/// <summary>The latest position of the journal.</summary>
/// <param name="Position">Browsers can subscribe after it, on every durable channel.</param>
internal sealed record JournalHeadPosition(string Position);

/// <summary>Stored messages of a channel.</summary>
/// <param name="Messages">In order.</param>
/// <param name="Position">The next page comes after it.</param>
/// <param name="Recovered">Whether no message after the given position is missing; absent without a position.</param>
/// <param name="HasMore">Whether there are messages after <paramref name="Position"/> now.</param>
internal sealed record HistoryPage(
    HistoryMessage[] Messages, string Position,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] bool? Recovered,
    [property: JsonPropertyName("more")] bool HasMore)
{
    public static HistoryPage From(JournalPage page, bool? recovered) => new(
        [.. page.Messages.Where(static message => message.Gap == GapCode.None).Select(message => HistoryMessage.From(message, page.Epoch))],
        new JournalPosition(page.Epoch.PublicId, page.UpTo).ToString(), recovered, HasMore: !page.IsLast);
}

/// <summary>A stored message.</summary>
/// <param name="Data">The payload, if it is text.</param>
/// <param name="Base64">The payload, if it is not text.</param>
/// <param name="At">When it was published, by Redis' clock.</param>
/// <param name="Position">Its position.</param>
internal sealed record HistoryMessage(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Data,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Base64,
    DateTimeOffset At, string Position)
{
    public static HistoryMessage From(in Message message, JournalEpoch epoch) => new(
        message.IsText ? Encoding.UTF8.GetString(message.Payload.Span) : null,
        message.IsText ? null : Convert.ToBase64String(message.Payload.Span),
        DateTimeOffset.UnixEpoch + TimeSpan.FromMicroseconds(message.JournalId),       // an id is a time
        new JournalPosition(epoch.PublicId, message.JournalId).ToString());
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HistoryPage))]
[JsonSerializable(typeof(JournalHeadPosition))]
internal sealed partial class HistoryJson : JsonSerializerContext;
