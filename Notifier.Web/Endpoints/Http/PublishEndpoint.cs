using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.History.Durable;
using Notifier.Hub;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Endpoints.Http;

/// <summary>
/// <c>POST /publish</c>: PUBLISH for backends without a Redis client, and for callers with a grant to publish.
/// </summary>
internal sealed class PublishEndpoint(
    Publisher publisher, HubMetrics metrics, NameRules rules, Authenticator authenticator, OriginRules origins, Admission admission, IOptions<LimitsOptions> limits)
{
    private const string Prefix = "/publish/";
    private const int MaxMessages = 1_000;
    private const int RetryAfterSeconds = 1;
    private const int MaxKeyCharacters = 128;

    /// <summary>From the IETF draft "The Idempotency-Key HTTP Header Field".</summary>
    private const string KeyHeader = "Idempotency-Key";

    private int MaxBytes => limits.Value.PayloadBytes;

    /// <summary>Publishes the body, of any content type.</summary>
    public async Task<Results<Ok<PublishResponse>, ProblemHttpResult>> PublishAsync(HttpContext context)
    {
        if (origins.Check(context) is { } originRefusal)
            return CrossOrigin.Refusal(originRefusal);
        var (caller, accessRefusal) = await authenticator.AuthenticateAsync(context);
        if ((accessRefusal ?? authenticator.RequireAuthentication(caller!, caller!.PublishGrant)) is { } unauthenticated)
            return unauthenticated.ToProblem(context);
        var gated = GatedRequest.Of(context);
        if (gated.Identify(context, caller!) is { } tooMany)
            return tooMany;
        if (ChannelInPath.Read(context, Prefix) is not { } channel)
            return Problem(StatusCodes.Status400BadRequest, "invalid address: write /publish/ and then the channel, in UTF-8 and percent-encoded");
        if (Check(caller!.PublishGrant, channel) is { } refusal)
            return refusal;
        var key = context.Request.Headers[KeyHeader] is { Count: > 0 } keys ? keys.ToString() : null;
        if (CheckKey(channel, key) is { } keyProblem)
            return keyProblem;
        var (payload, problem) = await RequestBody.ReadAsync(context, MaxBytes, $"the payload is larger than {MaxBytes} bytes (Limits:PayloadBytes)");
        var request = new PublishRequest(channel, payload, key, ScopeOf(caller!, context));
        if (problem is not null)
            return problem;
        if ((CheckLine(payload) ?? gated.CountPublished(context, publisher.CostOf([request]))) is { } refusedPayload)
            return gated.ChargeRefused(payload, refusedPayload);
        var (results, failure) = await PublishAsync([request]);
        return failure is not null ? Failed(context, failure)
            : KeyProblem(context, results) is { } refused ? refused
            : TypedResults.Ok(PublishResponse.From(request, results[0]));
    }

    /// <summary>Publishes many messages in order, or none if one is rejected.</summary>
    public async Task<Results<Ok<PublishResponse[]>, ProblemHttpResult>> PublishManyAsync(HttpContext context)
    {
        if (origins.Check(context) is { } originRefusal)
            return CrossOrigin.Refusal(originRefusal);
        var (caller, accessRefusal) = await authenticator.AuthenticateAsync(context);
        if ((accessRefusal ?? authenticator.RequireAuthentication(caller!, caller!.PublishGrant)) is { } unauthenticated)
            return unauthenticated.ToProblem(context);
        var gated = GatedRequest.Of(context);
        if (gated.Identify(context, caller!) is { } tooMany)
            return tooMany;
        var limit = RequestBody.MaxBytesOfArray(limits.Value);
        var (body, unread) = await RequestBody.ReadAsync(
            context, limit, $"the body is larger than {limit} bytes (six times Limits:PayloadBytes)", RequestBody.LargestWeight);
        if (unread is not null)
            return unread;
        if (Read(context, caller!, body, out var requests) is { } refusal)
            return gated.ChargeRefused(body, refusal);
        var (results, failure) = await PublishAsync(requests);
        return failure is not null ? Failed(context, failure with { Message = $"message {failure.At}: {failure.Message}" })
            : KeyProblem(context, results) is { } refused ? refused
            : TypedResults.Ok(requests.Zip(results, PublishResponse.From).ToArray());
    }

    /// <summary>Counts the messages before it checks each of them, which takes longer.</summary>
    private ProblemHttpResult? Read(HttpContext context, Caller caller, byte[] body, out PublishRequest[] requests)
    {
        requests = [];
        var gated = GatedRequest.Of(context);
        if ((Parse(body, out var messages) ?? gated.CountMessages(context, messages.Length)) is { } problem)
            return problem;
        foreach (var (message, n) in messages.Select(static (message, n) => (message, n)))
        {
            if (Check(caller.PublishGrant, message.Channel, $"message {n}: ") is { } refusal)
                return refusal;
            if (Encoding.UTF8.GetByteCount(message.Data) > MaxBytes)
                return TooLarge($"message {n}: the payload is larger than {MaxBytes} bytes (Limits:PayloadBytes)");
            if (CheckKey(message.Channel, message.Key, $"message {n}: ") is { } keyProblem)
                return keyProblem;
        }
        var scope = ScopeOf(caller, context);
        requests = [.. messages.Select(message => new PublishRequest(message.Channel, Encoding.UTF8.GetBytes(message.Data), message.Key, scope))];
        return Array.FindIndex(requests, static request => CheckLine(request.Payload) is not null) is >= 0 and var at
            ? CheckLine(requests[at].Payload, $"message {at}: ")
            : gated.CountPublished(context, publisher.CostOf(requests));
    }

    private Task<(List<PublishResult> Results, PublishFailure? Failure)> PublishAsync(PublishRequest[] requests)
    {
        metrics.Latency.Track(requests[0].Channel, requests[0].Payload);
        Activity.Current?.SetTag("messaging.system", "redis")
            .SetTag("messaging.operation.name", "publish")
            .SetTag("messaging.destination.name", requests[0].Channel)
            .SetTag("messaging.batch.message_count", requests.Length);
        return publisher.PublishAsync(requests);
    }

    private ProblemHttpResult? Check(Grant grant, string channel, string where = "")
    {
        var name = Name.Channel(channel);
        return (rules.Check(name) ?? grant.Check(name)) is { } refusal
            ? Problem(refusal.Kind == RefusalKind.Malformed ? StatusCodes.Status400BadRequest : StatusCodes.Status403Forbidden, where + refusal.Message)
            : null;
    }

    /// <summary>A key requires a durable channel: elsewhere Notifier cannot recognise a repeated message.</summary>
    private ProblemHttpResult? CheckKey(string channel, string? key, string where = "")
    {
        if (key is null)
            return null;
        if (key.Length is 0 or > MaxKeyCharacters || key.Any(static c => c is < ' ' or > '~'))
            return Problem(StatusCodes.Status400BadRequest, $"{where}a key must be 1 to {MaxKeyCharacters} printable ASCII characters");
        return publisher.IsDurable(channel)
            ? null
            : Problem(StatusCodes.Status400BadRequest, $"{where}a key requires a durable channel (History:Durable:Channels): omit the key, or make the channel durable");
    }

    private KeyScope ScopeOf(Caller caller, HttpContext context) => KeyScope.Of(caller, admission.AddressOf(context).ToString());

    /// <summary>The first message that was not published because of its key.</summary>
    private static ProblemHttpResult? KeyProblem(HttpContext context, List<PublishResult> results)
    {
        var at = results.FindIndex(static result => result.Status is PublishStatus.OtherPayload or PublishStatus.TooManyKeys);
        if (at < 0)
            return null;
        var isOther = results[at].Status == PublishStatus.OtherPayload;
        if (!isOther)
            context.Response.Headers.RetryAfter = $"{results[at].RetryAfter}";
        var text = isOther
            ? "this key was used for another payload on this channel within the last ten minutes: use a new key for each message"
            : $"too many idempotency keys: a visitor may use {KeyScope.VisitorLimit} in ten minutes, an API key {KeyScope.BackendLimit}; omit the key, or try again later";
        return TypedResults.Problem(
            results.Count == 1 ? text : $"message {at}: {text}",
            statusCode: isOther ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status429TooManyRequests,
            extensions: [new("published", results.Count(static result => result.Status == PublishStatus.Published))]);
    }

    /// <summary>Only Redis may write lines of the journal. Notifier would drop the message, or deliver it without that line.</summary>
    private static ProblemHttpResult? CheckLine(byte[] payload, string where = "") => JournalEnvelope.TryParse(payload, out _)
        ? Problem(StatusCodes.Status400BadRequest, $"{where}the first line of the payload looks like one of Notifier's own (notifier/1 epoch=…), which are reserved: change it")
        : null;

    private static ProblemHttpResult? Parse(byte[] body, out PublishMessage[] messages)
    {
        messages = [];
        try
        {
            messages = JsonSerializer.Deserialize(body, PublishJson.Default.PublishMessageArray) ?? [];
        }
        catch (JsonException error)
        {
            // Not the library's own text, which contains names of Notifier's types.
            return Problem(
                StatusCodes.Status400BadRequest,
                $"send [{{\"channel\":\"…\",\"data\":\"…\"}}, …] as JSON, with both strings once in each object: {error.Path ?? "$"} is invalid "
                + $"(line {error.LineNumber + 1}, byte {error.BytePositionInLine})");
        }
        return messages.Length is 0 or > MaxMessages
            ? Problem(StatusCodes.Status400BadRequest, $"send 1 to {MaxMessages} messages")
            : Array.IndexOf(messages, null) is >= 0 and var at
                ? Problem(StatusCodes.Status400BadRequest, $"message {at} is null")
                : null;
    }

    private static ProblemHttpResult Failed(HttpContext context, PublishFailure failure)
    {
        if (!failure.IsPermanent)
            context.Response.Headers.RetryAfter = $"{RetryAfterSeconds}";
        return TypedResults.Problem(
            failure.Message, statusCode: failure.IsPermanent ? StatusCodes.Status403Forbidden : StatusCodes.Status503ServiceUnavailable,
            extensions: [new("published", failure.Published)]);
    }

    private static ProblemHttpResult TooLarge(string message) => Problem(StatusCodes.Status413PayloadTooLarge, message);

    private static ProblemHttpResult Problem(int status, string message) => TypedResults.Problem(message, statusCode: status);
}
