using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Origins;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Endpoints.Http;

/// <summary><c>Demo</c>: the demo page.</summary>
public sealed class DemoOptions
{
    /// <summary>
    /// Whether Notifier serves the demo page at <c>/</c>, with its files. The client script, the elements and all other routes do not depend on it. Default
    /// true, in Production too.
    /// </summary>
    public bool Enabled { get; set; } = true;
}

/// <summary>What the demo page can offer to the visitor who has opened it, so that it shows nothing that does not work.</summary>
/// <param name="Redis">The state of the connection to Redis. One of up, away, refused, deaf.</param>
/// <param name="Subscribe">Why the visitor can subscribe to nothing; null if some names are granted.</param>
/// <param name="Publish">Why the visitor can publish nothing; null if some names are granted.</param>
/// <param name="Names">The names to begin with.</param>
/// <param name="Channel">A channel to try.</param>
/// <param name="Command">A command that publishes on this channel. Only for operators: visitors do not learn where Redis is. Null behind Sentinels.</param>
/// <param name="IsOperator">Whether the visitor may read <c>/stats</c> without an API key.</param>
internal sealed record DemoState(
    string Redis, string? Subscribe, string? Publish, IReadOnlyList<string> Names, string Channel, string? Command, bool IsOperator);

/// <summary><c>GET /notifier-demo.json</c>: the <see cref="DemoState"/>. The page asks for it every few seconds.</summary>
internal sealed class DemoPage(
    RedisBackplane backplane, RedisProbe probe, RedisNames names, Authenticator authenticator, OriginRules origins)
{
    private const string ExampleChannel = "notifications.new-user";
    private const string ExamplePayload = "Mathias signed up";
    private const int MaxNames = 3;

    private static readonly string[] ExampleNames = ["new-users", "notifications.*"];

    public async Task<Results<Ok<DemoState>, ProblemHttpResult>> ReadAsync(HttpContext context)
    {
        if (origins.Check(context) is { } originRefusal)
            return CrossOrigin.Refusal(originRefusal);
        var (caller, refusal) = await authenticator.AuthenticateAsync(context);
        if (caller is not null && GatedRequest.Of(context).Identify(context, caller) is { } tooMany)
            return tooMany;
        var isOperator = await OperatorAccess.CheckAsync(context) is null;
        var channel = ChannelFor(caller is { SubscribeGrant.IsEmpty: true } ? caller.PublishGrant : caller?.SubscribeGrant);
        context.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(new DemoState(
            RedisMetrics.States[(int)probe.State],
            refusal?.Message ?? WhyNothing(caller!.SubscribeGrant),
            refusal?.Message ?? OperatorAccess.CheckPublisher(context)?.ProblemDetails.Detail ?? WhyNothing(caller!.PublishGrant),
            NamesFor(caller?.SubscribeGrant),
            channel,
            isOperator ? RedisCommand.Publish(backplane.Location!, names, channel, ExamplePayload) : null,
            isOperator));
    }

    private static string? WhyNothing(Grant grant) => grant.IsEmpty ? grant.Check(Name.Channel(ExampleChannel))!.Message : null;

    /// <summary>The usual names, if they are granted; otherwise the first ones that are.</summary>
    private static List<string> NamesFor(Grant? grant)
    {
        List<string> usual = [.. ExampleNames.Where(name => grant?.Check(Name.Parse(name)) is null)];
        return grant is null || usual.Count > 0 ? usual : [.. grant.Names.Take(MaxNames).Select(static name => name.Text)];
    }

    private static string ChannelFor(Grant? grant) => grant is null
        ? ExampleChannel
        : grant.Names.Select(ChannelOf).Prepend(ExampleChannel).FirstOrDefault(channel => grant.Check(Name.Channel(channel)) is null) ?? ExampleChannel;

    private static string ChannelOf(Name name) => name.Kind == NameKind.Channel ? name.Text : name.Text.Replace("*", "new", StringComparison.Ordinal).Replace('?', '1');
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(DemoState))]
internal sealed partial class DemoJson : JsonSerializerContext;

internal static class DemoRoute
{
    /// <summary>Makes a browser ask each time whether its copy of a file is still current, so that a new version is used immediately.</summary>
    private static readonly StaticFileOptions Revalidate = new()
    {
        OnPrepareResponse = static file => file.Context.Response.Headers.CacheControl = "no-cache",
    };

    /// <summary>The files of the page. The client's are not among them (<see cref="ClientScripts"/>).</summary>
    public static void UseDemoPage(this WebApplication app)
    {
        if (IsEnabled(app))
            app.UseWhen(static context => !context.WebSockets.IsWebSocketRequest, static page => page.UseDefaultFiles().UseStaticFiles(Revalidate));
    }

    /// <summary>Named like the client's files, because proxies pass those to visitors.</summary>
    public static void MapDemoPage(this WebApplication app)
    {
        if (IsEnabled(app))
            app.MapGet("/notifier-demo.json", static (HttpContext context, DemoPage page) => page.ReadAsync(context)).ExcludeFromDescription();
    }

    private static bool IsEnabled(WebApplication app) => app.Services.GetRequiredService<IOptions<DemoOptions>>().Value.Enabled;
}
