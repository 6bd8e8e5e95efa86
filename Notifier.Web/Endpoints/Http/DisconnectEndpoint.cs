using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Notifier.Redis;

namespace Notifier.Endpoints.Http;

/// <param name="Nodes">How many nodes received the request; null on a Cluster, where Redis does not know.</param>
internal sealed record DisconnectResponse(long? Nodes);

/// <summary><c>POST /disconnect</c>: a backend disconnects callers, on all nodes.</summary>
internal static class DisconnectEndpoint
{
    private const int MaxBytes = 4 * 1024;

    public static void MapDisconnect(this WebApplication app) =>
        app.MapPost("/disconnect", static (HttpContext context, RedisPublisher redis) => DisconnectAsync(context, redis))
            .WithName("disconnect")
            .WithSummary("Closes all connections of a subject, or one connection, with 4403")
            .WithDescription("Body: {\"sub\":\"…\"} or {\"connection\":\"…\"}. A caller whose token is still valid can reconnect: revoke the token first.")
            .RequireDisconnectRight()
            .WithGate(GateChecks.AllButMemory)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<Results<Ok<DisconnectResponse>, ProblemHttpResult>> DisconnectAsync(HttpContext context, RedisPublisher redis)
    {
        byte[] body = [];
        if (context.Request.ContentLength is > 0 and <= MaxBytes)
        {
            (body, var refusal) = await RequestBody.ReadAsync(context, MaxBytes, $"the body is larger than {MaxBytes} bytes");
            if (refusal is not null)
                return refusal;
        }
        if (Parse(body) is not { IsValid: true } request)
            return TypedResults.Problem("send {\"sub\":\"…\"} or {\"connection\":\"…\"}", statusCode: StatusCodes.Status400BadRequest);
        var message = JsonSerializer.SerializeToUtf8Bytes(request, DisconnectJson.Default.DisconnectRequest);
        var (nodes, failure) = await redis.PublishAsync([(DisconnectListener.Channel, message)]);
        if (failure is null)
            return TypedResults.Ok(new DisconnectResponse(nodes[0]));
        context.Response.Headers.RetryAfter = $"{AccessRefusalExtensions.RetryAfterSeconds}";
        return TypedResults.Problem(
            $"connections may not have been disconnected: {failure.Message}", statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    private static DisconnectRequest? Parse(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, DisconnectJson.Default.DisconnectRequest);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
