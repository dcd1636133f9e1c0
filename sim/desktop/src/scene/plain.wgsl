// A surface drawn with as little arithmetic as its look allows: its colour, one sun, haze.

#import bevy_pbr::forward_io::VertexOutput
#import bevy_pbr::mesh_view_bindings::view

struct Plain {
    colour: vec4<f32>,
    glow: vec4<f32>,
    // Direction towards the sun; w: 0 for a surface that is lit already.
    sun: vec4<f32>,
    // Colour of the haze; w: 0 where there is none.
    haze: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> plain: Plain;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var picture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var picture_sampler: sampler;

@fragment
fn fragment(in: VertexOutput) -> @location(0) vec4<f32> {
    var colour = plain.colour;
#ifdef VERTEX_COLORS
    colour *= in.color;
#endif
#ifdef VERTEX_UVS_A
    colour *= textureSample(picture, picture_sampler, in.uv);
#endif
    // The sun, and a sky that is brighter than the ground below.
    let outdoors = 0.55 + 0.3 * in.world_normal.y + 0.95 * max(dot(in.world_normal, plain.sun.xyz), 0.0);
    let light = mix(1.0, outdoors, plain.sun.w);
    let seen = colour.rgb * light + plain.glow.rgb;
    // As far away as in the rich look.
    let far = plain.haze.w * clamp((distance(in.world_position.xyz, view.world_position) - 250.0) / 2250.0, 0.0, 1.0);
    return vec4(mix(seen, plain.haze.rgb, far), colour.a);
}
