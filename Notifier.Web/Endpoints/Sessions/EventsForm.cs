using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Notifier.Connections;
using Notifier.Endpoints.Http;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// The body of <c>POST /events</c>: the same parameters as in the address of <c>GET /events</c>, for names that are too long for an address. A form, because a
/// browser sends it to other origins without a preflight.
/// </summary>
internal static class EventsForm
{
    public const string ContentType = "application/x-www-form-urlencoded";

    /// <summary>As bytes, as text (two bytes for each character), and as names.</summary>
    private const int Weight = 4;

    /// <returns>The form, each byte as one character; or why it cannot be read.</returns>
    public static async Task<(string Form, ProblemHttpResult? Refusal)> ReadAsync(HttpContext context, ConnectionHost host, ResourceOwner owner)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) || !type.MediaType.Equals(ContentType, StringComparison.OrdinalIgnoreCase))
        {
            return ("", TypedResults.Problem(
                $"send channel=…&pattern=… as {ContentType}, with the same parameters as in the address of GET /events",
                statusCode: StatusCodes.Status415UnsupportedMediaType));
        }
        if (host.CheckBody(context, owner) is { } tooOften)
            return ("", tooOften);
        // The permits last until the body is read. The stream itself counts as a connection, like every other.
        using var request = host.BeginRequest(owner);
        context.Features.Set(request);
        var limit = host.Limits.NamesBytes;
        var tooLarge = $"the body may have at most {limit} bytes, enough for all names that a connection may have (Limits:NamesPerConnection, Limits:NameBytes)";
        var (body, refusal) = await RequestBody.ReadAsync(context, limit, tooLarge, Weight);
        if (refusal is null)
            context.Response.Headers.Connection = default;
        return (Encoding.Latin1.GetString(body), refusal);
    }
}
