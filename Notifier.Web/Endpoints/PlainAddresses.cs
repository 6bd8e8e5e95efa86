using Microsoft.AspNetCore.Http.Features;
using Notifier.Endpoints.Http;

namespace Notifier.Endpoints;

/// <summary>
/// Rejects addresses whose first segment is not written plainly, such as <c>/%70ublish</c>, <c>/x/../publish</c> and <c>/ws#/../publish</c>. Kestrel decodes and
/// shortens an address before it selects the route. A proxy in front may compare the address as it was sent, or shorten it in another way, and would let pass
/// what its rules should stop.
/// </summary>
internal static class PlainAddresses
{
    public static void UsePlainAddresses(this WebApplication app)
    {
        var gate = app.Services.GetRequiredService<RequestGate>();
        app.Use((context, next) => IsPlain(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget, context.Request.Path.Value ?? "")
            ? next(context)
            : gate.CountAsync(context, static context => TypedResults
                .Problem("write the first part of the address plainly, without percent-encoding, dots or #", statusCode: StatusCodes.Status400BadRequest)
                .ExecuteAsync(context)));
    }

    /// <param name="target">The address as it was sent: a path, or with scheme and host (RFC 9112, 3.2). Empty if a server other than Kestrel does not tell.</param>
    /// <param name="path">The path that routing uses.</param>
    public static bool IsPlain(string target, string path)
    {
        if (target.Length == 0)
            return true;
        var sent = target.AsSpan();
        if (sent.IndexOf("://") is > 0 and var scheme && sent[0] != '/')
        {
            sent = sent[(scheme + 3)..];
            sent = sent.IndexOf('/') is >= 0 and var slash ? sent[slash..] : "";
        }
        return FirstSegment(sent).SequenceEqual(FirstSegment(path));
    }

    /// <summary>The text between the first slash and the next, or the query.</summary>
    private static ReadOnlySpan<char> FirstSegment(ReadOnlySpan<char> path)
    {
        if (path is ['/', .. var rest])
            path = rest;
        var end = path.IndexOfAny('/', '?');
        return end < 0 ? path : path[..end];
    }
}
