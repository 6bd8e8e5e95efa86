using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.OpenApi;
using Notifier.Access;
using Notifier.Access.Origins;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Http;

/// <summary>
/// <c>GET /history/{channel}</c>: the stored messages of a durable channel, for callers who may subscribe to it. <c>GET /position</c>: the journal's
/// latest position, for a page that will subscribe after it.
/// </summary>
internal sealed class HistoryEndpoint(Journal journal, NameRules rules, Authenticator authenticator, OriginRules origins)
{
    private const string Prefix = "/history/";
    private const int DefaultMessages = 100;
    private const int RetryAfterSeconds = 1;

    /// <summary>
    /// How many requests read the journal at once; others wait. Redis has one thread, which delays everybody's messages while it reads.
    /// </summary>
    private const int ReadsAtOnce = 4;

    /// <summary>How many of them one owner has, because others should not wait for those.</summary>
    private const int ReadsOfOwner = 2;

    /// <summary>Its queue is limited by <see cref="Configuration.LimitsOptions.Requests"/>.</summary>
    private readonly ReadTurns reads = new(ReadsAtOnce, ReadsOfOwner, ReadsOfOwner);

    /// <summary>How many requests wait to read.</summary>
    public int Waiting => reads.Waiting;

    public async Task<Results<HistoryAnswer, ProblemHttpResult>> ReadAsync(HttpContext context)
    {
        var (caller, refused) = await AuthenticateAsync(context);
        if (refused is not null)
            return refused;
        if (ChannelInPath.Read(context, Prefix) is not { } channel)
            return Problem(StatusCodes.Status400BadRequest, "invalid address: write /history/ and then the channel, in UTF-8 and percent-encoded");
        var name = Name.Channel(channel);
        if ((rules.Check(name) ?? caller!.SubscribeGrant.Check(name)) is { } refusal)
            return Problem(refusal.Kind == RefusalKind.Malformed ? StatusCodes.Status400BadRequest : StatusCodes.Status403Forbidden, refusal.Message);
        if (!journal.Channels.ContainsAll(name))
            return Problem(StatusCodes.Status404NotFound, "the channel is not durable: it is not in History:Durable:Channels");
        if (!TryReadLimit(context.Request.Query["limit"], out var limit))
            return Problem(StatusCodes.Status400BadRequest, $"limit must be a number from 1 to {Journal.MaxMessages}");
        try
        {
            // Before the read, because Redis would do the work of a request that is refused.
            var request = GatedRequest.Of(context);
            if (request.Reserve(context, HistoryMessages.MaxBytes) is { } full)
                return full;
            var page = await ReadAsync(name, context.Request.Query["after"], limit, ClientOf(context, request));
            return page.Bytes > HistoryMessages.MaxBytes && request.Reserve(context, page.Bytes - HistoryMessages.MaxBytes) is { } fuller
                ? fuller
                : new HistoryAnswer(page);
        }
        catch (Exception error) when (Journal.IsFault(error))
        {
            return Unavailable(context);
        }
    }

    public async Task<Results<Ok<JournalHeadPosition>, ProblemHttpResult>> PositionAsync(HttpContext context)
    {
        var (_, refused) = await AuthenticateAsync(context);
        if (refused is not null)
            return refused;
        if (!journal.Channels.Any)
            return Problem(StatusCodes.Status404NotFound, "no channel is durable: see History:Durable:Channels");
        try
        {
            using var turn = await reads.AcquireAsync(ClientOf(context, GatedRequest.Of(context)));
            var head = await journal.ReadHeadAsync();
            return TypedResults.Ok(new JournalHeadPosition(new JournalPosition(head.Epoch.PublicId, head.Id).ToString()));
        }
        catch (Exception error) when (Journal.IsFault(error))
        {
            return Unavailable(context);
        }
    }

    private async Task<HistoryMessages> ReadAsync(Name name, string? after, int limit, ReadClient client)
    {
        using var turn = await reads.AcquireAsync(client);
        var given = after is null ? null : JournalPosition.Parse(after);
        if (given is { } position && await journal.ReadAsync(name, position.Id, limit, maxBytes: HistoryMessages.MaxBytes) is { } page && page.Contains(position))
            return HistoryMessages.First(page);
        return HistoryMessages.Last(await journal.ReadLastAsync(name, limit, HistoryMessages.MaxBytes), after is null ? null : false);
    }

    private async Task<(Caller? Caller, ProblemHttpResult? Refusal)> AuthenticateAsync(HttpContext context)
    {
        if (origins.Check(context) is { } originRefusal)
            return (null, CrossOrigin.Refusal(originRefusal));
        var (caller, accessRefusal) = await authenticator.AuthenticateAsync(context);
        var refusal = accessRefusal ?? authenticator.RequireAuthentication(caller!, caller!.SubscribeGrant);
        return (caller, refusal?.ToProblem(context) ?? GatedRequest.Of(context).Identify(context, caller!));
    }

    private static ReadClient ClientOf(HttpContext context, GatedRequest request) =>
        new(request.Owner, context.Connection.Id, request.Owner.Visitors, context.RequestAborted);

    private static bool TryReadLimit(string? text, out int limit)
    {
        limit = DefaultMessages;
        return text is null || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= Journal.MaxMessages);
    }

    private static ProblemHttpResult Unavailable(HttpContext context)
    {
        context.Response.Headers.RetryAfter = $"{RetryAfterSeconds}";
        return Problem(StatusCodes.Status503ServiceUnavailable, "Redis is unavailable, or does not allow Notifier to read the history; try again");
    }

    private static ProblemHttpResult Problem(int status, string message) => TypedResults.Problem(message, statusCode: status);
}

internal static class HistoryRoutes
{
    public static void MapHistory(this WebApplication app)
    {
        app.MapGet("/history/{**channel}", static (HttpContext context, HistoryEndpoint history) => history.ReadAsync(context))
            .WithName("history")
            .WithSummary("The stored messages of a durable channel")
            .WithDescription("With a position, the first messages after it; without one, the last messages.")
            .WithParameter(ParameterLocation.Path, "channel", "The channel: UTF-8, percent-encoded, slashes included.")
            .WithParameter(ParameterLocation.Query, "after", "A position.")
            .WithParameter(
                ParameterLocation.Query, "limit",
                $"How many messages at most: 1 to {Journal.MaxMessages}; default 100. A page ends earlier if their payloads have more than {HistoryMessages.MaxBytes} bytes.")
            .WithReadProblems()
            .ProducesProblem(StatusCodes.Status400BadRequest);
        app.MapGet("/position", static (HttpContext context, HistoryEndpoint history) => history.PositionAsync(context))
            .WithName("position")
            .WithSummary("The position of the latest durable message: a page that is rendered now and subscribes after it misses nothing")
            .WithReadProblems();
        app.MapGet("/notifier.lua", static () => TypedResults.Text(JournalScripts.Publish, "text/x-lua; charset=utf-8"))
            .WithSummary("The Lua script with which backends publish durable messages: see docs/history.md");
        app.MapMethods("/history/{**channel}", [HttpMethods.Options], CrossOrigin.Preflight).ExcludeFromDescription();
        app.MapMethods("/position", [HttpMethods.Options], CrossOrigin.Preflight).ExcludeFromDescription();
    }

    private static RouteHandlerBuilder WithReadProblems(this RouteHandlerBuilder route) => route
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status429TooManyRequests)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
}
