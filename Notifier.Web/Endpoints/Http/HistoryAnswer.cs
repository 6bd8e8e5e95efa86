using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Notifier.Messages;

namespace Notifier.Endpoints.Http;

/// <summary>
/// Writes a <see cref="HistoryPage"/> piece by piece, and waits until the client has read a piece, so that an answer in progress uses little more memory than
/// its payloads. As a whole, a payload would exist as a string, and in JSON with up to six bytes for each one.
/// </summary>
internal sealed class HistoryAnswer(HistoryMessages page) : IResult, IEndpointMetadataProvider
{
    private const int PieceBytes = 16 * 1024;

    /// <summary>A multiple of three bytes, so that base64 can be written in pieces; and half a piece, because JSON may need several bytes for one.</summary>
    private const int SliceBytes = 6 * 1024;

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(HistoryPage), ["application/json"]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, ended) = (httpContext.Response, httpContext.RequestAborted);
        response.ContentType = "application/json; charset=utf-8";
        var output = response.BodyWriter;
        await using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteStartArray("messages"u8);
        foreach (var message in page.Messages)
        {
            json.WriteStartObject();
            json.WritePropertyName(message.IsText ? "data"u8 : "base64"u8);
            var left = message.Payload;
            do
            {
                var slice = left[..Math.Min(SliceBytes, left.Length)];
                left = left[slice.Length..];
                if (message.IsText)
                    json.WriteStringValueSegment(slice.Span, isFinalSegment: left.IsEmpty);
                else
                    json.WriteBase64StringSegment(slice.Span, isFinalSegment: left.IsEmpty);
                if (json.BytesPending + output.UnflushedBytes >= PieceBytes)
                {
                    json.Flush();
                    await output.FlushAsync(ended);
                    // After the connection ended, the output accepts everything and sends nothing.
                    if (ended.IsCancellationRequested)
                        return;
                }
            }
            while (!left.IsEmpty);
            json.WriteString("at"u8, DateTimeOffset.UnixEpoch + TimeSpan.FromMicroseconds(message.JournalId));     // an id is a time
            json.WriteString("position"u8, PositionOf(message.JournalId));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("position"u8, PositionOf(page.UpTo));
        if (page.Recovered is { } recovered)
            json.WriteBoolean("recovered"u8, recovered);
        json.WriteBoolean("more"u8, page.HasMore);
        json.WriteEndObject();
        json.Flush();
        await output.FlushAsync(ended);
    }

    private string PositionOf(long id) => new JournalPosition(page.Epoch.PublicId, id).ToString();
}
