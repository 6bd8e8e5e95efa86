using Microsoft.Extensions.Options;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>The grants of anonymous callers: as configured, else everything in Development and nothing in Production. Immutable.</summary>
internal sealed class AnonymousAccess(IOptions<AccessOptions> options, IHostEnvironment environment)
{
    public const string SubscribeKey = "Access:Anonymous:Subscribe";

    public Grant SubscribeGrant { get; } = Parse(options.Value.Anonymous.Subscribe, environment, WhenEmpty(options.Value, SubscribeKey));

    public Grant PublishGrant { get; } = Parse(options.Value.Anonymous.Publish, environment, WhenEmpty(options.Value, "Access:Anonymous:Publish"));

    /// <summary>Whether everything is open only because this is Development.</summary>
    public bool IsOpenByDefault => environment.IsDevelopment() && options.Value.Anonymous.Subscribe is null;

    /// <summary>Whether callers can authenticate. If so, an empty anonymous grant needs no warning.</summary>
    public bool CanAuthenticate { get; } = GrantSources.All.Any(source => source.IsEnabled(options.Value));

    private static string WhenEmpty(AccessOptions access, string key) => access.Tokens.IsEnabled
        ? "nothing is open here without a token"
        : $"nothing is open here to anonymous visitors: set {key}";

    private static Grant Parse(string[]? names, IHostEnvironment environment, string whenEmpty)
    {
        if (names is null && environment.IsDevelopment())
            return Grant.Everything;
        return new Grant((names ?? []).Select(Name.Parse), whenEmpty);
    }
}
