using System.Buffers;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Notifier.Configuration;
using Notifier.Connections;

namespace Notifier.Endpoints.Http;

/// <summary>
/// Reads the body of a request. Its buffer grows with what arrives, and comes out of the node's memory for requests, so that bodies that never end cost
/// little. The whole body must arrive within <c>Limits:RequestTimeout</c>.
/// </summary>
internal static class RequestBody
{
    /// <summary>An array of messages exists four times: as JSON, as strings (two bytes for each character), and as payloads.</summary>
    public const int LargestWeight = 4;

    private const int FirstBytes = 4 * 1024;

    /// <summary>So much of a refused body is read, so that the connection can serve the next request.</summary>
    private const int RefusedBytes = 16 * 1024;

    private const int UnreadOfUnknownLength = 8 * 1024;

    /// <summary>The largest array of messages: in JSON, a byte of the largest payload may need six (<c>\u0000</c>).</summary>
    public static long MaxBytesOfArray(LimitsOptions limits) => 6L * limits.PayloadBytes;

    /// <param name="context">The request.</param>
    /// <param name="limit">How many bytes the body may have.</param>
    /// <param name="tooLarge">The answer's text if it has more. Then the rest is not read.</param>
    /// <param name="weight">How many times the request has the body in memory.</param>
    public static async Task<(byte[] Body, ProblemHttpResult? Refusal)> ReadAsync(HttpContext context, long limit, string tooLarge, int weight = 1)
    {
        var request = GatedRequest.Of(context);
        if (context.Request.ContentLength > limit)
            return ([], Problem(StatusCodes.Status413PayloadTooLarge, tooLarge));
        if (request.CheckBodies(context) is { } tooMany)
            return ([], tooMany);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = (2 * limit) + KestrelSetup.UnreadBodySize;    // the bytes are counted here, and what is around tiny chunks only by Kestrel
        using var timeout = request.StartBodyTimeout();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, context.RequestAborted);
        var reader = context.Request.BodyReader;
        byte[] body = [];
        var length = 0;
        try
        {
            while (true)
            {
                var read = await reader.ReadAsync(ended.Token);
                var arrived = (int)read.Buffer.Length;
                MeteredInput.Credit(context, arrived);
                var refusal = length + arrived > limit
                    ? Problem(StatusCodes.Status413PayloadTooLarge, tooLarge)
                    : Grow(context, request, ref body, length + arrived, limit, weight);
                if (refusal is null)
                    read.Buffer.CopyTo(body.AsSpan(length));
                reader.AdvanceTo(read.Buffer.End);
                length += arrived;
                if (refusal is not null)
                    return ([], Charge(refusal));
                if (!read.IsCompleted)
                    continue;
                Array.Resize(ref body, length);
                return (body, null);
            }
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            return ([], Charge(Problem(StatusCodes.Status408RequestTimeout, "the body took too long (Limits:RequestTimeout)")));
        }
        catch (BadHttpRequestException error)
        {
            return ([], Charge(Problem(error.StatusCode, $"the body cannot be read: {error.Message}")));
        }

        ProblemHttpResult Charge(ProblemHttpResult refusal)
        {
            request.ChargeBody(length);
            return refusal;
        }
    }

    /// <summary>
    /// For any request: Kestrel reads a body that its route has not read. If its length is unknown, it may be in tiny chunks, which are expensive, so little is
    /// read, and the client may not see the answer.
    /// </summary>
    public static void LimitUnread(HttpContext context)
    {
        if (context.Request.ContentLength is null && context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true }
            && context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = UnreadOfUnknownLength;
    }

    /// <summary>
    /// For a request that is refused without its body. Kestrel would read all of it before the next request, which would be no cheaper for the node than to serve it.
    /// </summary>
    public static void Refuse(HttpContext context)
    {
        if (HttpProtocol.IsHttp11(context.Request.Protocol) && context.Request.ContentLength is null or > RefusedBytes
            && context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
            context.Response.Headers.Connection = "close";
    }

    private static ProblemHttpResult? Grow(HttpContext context, GatedRequest request, ref byte[] body, int needed, long limit, int weight)
    {
        if (needed <= body.Length)
            return null;
        var size = (int)Math.Min(Math.Max(Math.Max(needed, FirstBytes), 2L * body.Length), Math.Max(limit, needed));
        if (request.Reserve(context, (long)weight * (size - body.Length)) is { } refusal)
            return refusal;
        Array.Resize(ref body, size);
        return null;
    }

    private static ProblemHttpResult Problem(int status, string message) => TypedResults.Problem(message, statusCode: status);
}
